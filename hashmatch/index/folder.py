"""The folder of the index: files that never change, and one manifest that names those in force.

Whatever happens to a writer, a reader finds the manifest of before or that of after, and each names
files that were whole on the disk before it was.
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

from .files import FileMark, require_own, write_arrays
from .interface import Arrays
from .manifest import Manifest

_MANIFEST = "manifest.json"
_PUBLISHING, _MERGING = "publishing.lock", "merging.lock"
_SUFFIX = ".arrays"
# Building an index of a hundred million entries takes some minutes.
_PATIENCE_S = 900
_SECONDS_BETWEEN_TRIES = 0.005


def _lock(path: Path, descriptor: int, patience_s: float) -> bool:
    """Take the lock, or say that another process has it, where that is no reason to wait."""
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not patience_s:
                return False
        except OSError as error:
            raise IndexFolderError(f"{path}: cannot be locked: {error.strerror}") from error
        else:
            return True
        if time.monotonic() > deadline_s:
            raise IndexFolderError(
                f"{path}: another process has held this for {patience_s:.0f} seconds",
                hint="See whether it hangs; 'fuser' names it.",
            )
        time.sleep(_SECONDS_BETWEEN_TRIES)


class IndexFolder:
    """Where the processes of one host share an index. Made when it is first written to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self) -> Manifest | None:
        """Return the manifest in force, None where nothing was published yet.

        Raises `IndexFolderError`, and `DamagedIndexError` where it cannot be understood.
        """
        path = self.path / _MANIFEST
        try:
            with path.open(encoding="utf-8") as file:
                require_own(path, os.fstat(file.fileno()))
                return Manifest.decode(file.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexFolderError(f"{path}: cannot be read: {error.strerror}") from error
        except (DamagedIndexError, UnicodeDecodeError) as error:
            raise DamagedIndexError(
                f"{path}: {error}", hint="Run 'hashmatch index build'."
            ) from error

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes whenever a manifest is published, None before the first."""
        try:
            status = (self.path / _MANIFEST).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Wait until no other process publishes, and keep the others waiting."""
        with self._locked(_PUBLISHING, is_waiting=True):
            yield

    @contextmanager
    def merging(self) -> Iterator[bool]:
        """Say whether no other process merges, and if so keep it that way."""
        with self._locked(_MERGING, is_waiting=False) as is_ours:
            yield is_ours

    def write(self, facts: dict[str, str | int], arrays: Arrays) -> FileMark:
        """Write a file that no manifest names yet. Raises `IndexFolderError`."""
        return write_arrays(self.path / f"{uuid4().hex}{_SUFFIX}", facts, arrays)

    def publish(self, manifest: Manifest, before: Manifest | None) -> None:
        """Put the manifest in force, and delete what only the one before it named.

        Only for who is `publishing`. Processes that have mapped a deleted file keep it until they
        let go. Raises `IndexFolderError`.
        """
        path = self.path / f"{_MANIFEST}.new"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(manifest.encode())
                file.flush()
                os.fsync(file.fileno())
            self._sync()  # The files that it names must not go before it comes.
            path.replace(self.path / _MANIFEST)
            self._sync()
        except OSError as error:
            raise IndexFolderError(
                f"{path}: cannot be written: {error.strerror}",
                hint="Make room on the disk, or choose another place with index.dir.",
            ) from error
        self.delete(before.file_names() - manifest.file_names() if before else set())
        with self.merging() as is_ours:
            if is_ours:  # Else there are files that are going to be published.
                left = {one.name for one in self.path.glob(f"*{_SUFFIX}")}
                self.delete(left - manifest.file_names())

    def delete(self, names: set[str]) -> None:
        """Delete files that no manifest names."""
        for name in names:
            with suppress(OSError):  # The next publishing tries again.
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
                hint="Choose another place with index.dir.",
            ) from error
        # The lock ends with the process at the latest.
        with os.fdopen(descriptor):
            is_ours = _lock(path, descriptor, _PATIENCE_S if is_waiting else 0)
            try:
                yield is_ours
            finally:
                if is_ours:  # A process that was forked meanwhile has the descriptor, too.
                    fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _sync(self) -> None:
        """Wait until the disk knows the names of the files."""
        descriptor = os.open(self.path, os.O_RDONLY)
        with suppress(OSError):  # Some file systems cannot.
            os.fsync(descriptor)
        os.close(descriptor)
