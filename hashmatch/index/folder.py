"""Folder of the index: files that never change, and one manifest that names those in force.

Even if a writer crashes, a reader finds either the old manifest or the new one, and the files that
it names were completely on the disk before the manifest was.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from hashmatch.errors import DamagedIndexError, IndexFolderError

from .files import FileMark, require_ownership, write_arrays
from .interface import Arrays
from .manifest import Manifest

_MANIFEST = "manifest.json"
_PUBLISHING, _MERGING = "publishing.lock", "merging.lock"
_SUFFIX = ".arrays"
# Generous, since building an index of a hundred million entries takes some minutes.
_LOCK_TIMEOUT_S = 900
_RETRY_INTERVAL_S = 0.005


def _lock(path: Path, descriptor: int, timeout_s: float) -> bool:
    """Acquire the lock; return False if another process has it and `timeout_s` is 0.

    Raises `IndexFolderError` after the timeout.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not timeout_s:
                return False
        except OSError as error:
            raise IndexFolderError(f"{path}: cannot be locked: {error.strerror}") from error
        else:
            return True
        if time.monotonic() > deadline_s:
            raise IndexFolderError(
                f"{path}: another process has held this lock for {timeout_s:.0f} seconds",
                hint="Check whether that process hangs; 'fuser' shows its id.",
            )
        time.sleep(_RETRY_INTERVAL_S)


class IndexFolder:
    """The folder in which the processes of one host share an index; created at the first write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self) -> Manifest | None:
        """Return the manifest in force, None before the first was published.

        Raises `IndexFolderError`, and `DamagedIndexError` if it cannot be decoded.
        """
        path = self.path / _MANIFEST
        try:
            with path.open(encoding="utf-8") as file:
                require_ownership(path, os.fstat(file.fileno()))
                return Manifest.decode(file.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexFolderError(f"{path}: cannot be read: {error.strerror}") from error
        except (DamagedIndexError, UnicodeDecodeError) as error:
            raise DamagedIndexError(
                f"{path}: {error}", hint="Rebuild the index with 'hashmatch index build'."
            ) from error

    def stamp(self) -> tuple[int, int] | None:
        """Return a value that changes with every published manifest, None before the first."""
        try:
            status = (self.path / _MANIFEST).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the lock for publishing; wait for other processes. Raises `IndexFolderError`."""
        with self._locked(_PUBLISHING, is_waiting=True):
            yield

    @contextmanager
    def merging(self) -> Iterator[bool]:
        """Hold the lock for merging if it is free; yield whether it was. Raises as `publishing`."""
        with self._locked(_MERGING, is_waiting=False) as has_lock:
            yield has_lock

    def write(self, facts: dict[str, str | int], arrays: Arrays) -> FileMark:
        """Write a new file, which no manifest names yet. Raises `IndexFolderError`."""
        return write_arrays(self.path / f"{uuid4().hex}{_SUFFIX}", facts, arrays)

    def publish(self, manifest: Manifest, before: Manifest | None) -> None:
        """Put the manifest in force, and delete the files that only the previous one named.

        Only inside `publishing`. Processes that have mapped a deleted file keep it until they unmap
        it. Raises `IndexFolderError`.
        """
        path = self.path / f"{_MANIFEST}.new"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(manifest.encode())
                file.flush()
                os.fsync(file.fileno())
            # The names of the new files have to be on the disk before the manifest that uses them.
            self._sync()
            path.replace(self.path / _MANIFEST)
            self._sync()  # So that a crash of the host cannot bring the old manifest back.
        except OSError as error:
            raise IndexFolderError(
                f"{path}: cannot be written: {error.strerror}",
                hint="Free space on the disk, or choose another folder with index.dir.",
            ) from error
        self.delete(before.file_names() - manifest.file_names() if before else set())
        with self.merging() as has_lock:
            if has_lock:  # Otherwise a merge may have written files that it has yet to publish.
                left = {one.name for one in self.path.glob(f"*{_SUFFIX}")}
                self.delete(left - manifest.file_names())

    def delete(self, names: set[str]) -> None:
        """Delete files that no manifest names."""
        for name in names:
            with suppress(OSError):  # The next publication tries again.
                (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self, name: str, *, is_waiting: bool) -> Iterator[bool]:
        path = self.path / name
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise IndexFolderError(
                f"{path}: cannot be written: {error.strerror}",
                hint="Choose another folder with index.dir.",
            ) from error
        # The system releases the lock if the process dies.
        with os.fdopen(descriptor):
            has_lock = _lock(path, descriptor, _LOCK_TIMEOUT_S if is_waiting else 0)
            try:
                yield has_lock
            finally:
                # Closing is not enough: a process forked meanwhile has the descriptor, too.
                if has_lock:
                    fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _sync(self) -> None:
        """Wait until the names of the files are on the disk."""
        descriptor = os.open(self.path, os.O_RDONLY)
        with suppress(OSError):  # Some file systems cannot sync a folder.
            os.fsync(descriptor)
        os.close(descriptor)
