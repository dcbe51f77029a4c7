"""Source for lists in a file or folder of this machine."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import SourceError

from ..formats import ListFormat
from .interface import Checkpoint, Fetch, ListSource
from .verified import open_delivery, parse_checksum_file

# Hidden files, checksum files, and files that are still being written.
_NOT_A_DELIVERY = re.compile(r"\.|.*\.(sha256|tmp|part)$", re.IGNORECASE)


class FileSource(ListSource):
    """A file, or the last file by name in a folder, since dated deliveries sort that way.

    Where there is a file with the same name and the suffix `.sha256`, the content has to match its
    checksum.
    """

    def __init__(
        self,
        path: Path,
        find_format: Callable[[str], ListFormat],
        mapping: MappingSettings | None = None,
    ) -> None:
        self._path = path
        self._find_format = find_format
        self._mapping = mapping

    @property
    def name(self) -> str:
        """Return the path of the file or folder, after the word "file"."""
        return f"file {self._path}"

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the file, unless it has the content of the checkpoint."""
        try:
            file = self._newest()
            with file.open("rb") as stream:
                before = _stamp(stream)
                # The file is read twice: its checksum decides whether there is a delivery at all.
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                _require_checksum(file, sha256)
                if checkpoint.get("sha256") == sha256:
                    return
                stream.seek(0)
                stable = _StableFile(stream, before, file)
                with open_delivery(
                    stable,
                    file.name,
                    self._find_format,
                    self._mapping,
                    at_end=stable.require_unchanged,
                ) as delivery:
                    yield Fetch(delivery, {"sha256": sha256})
        except OSError as error:
            raise SourceError(
                f"{error.filename or self._path}: {(error.strerror or 'cannot be read').lower()}",
                hint="Check the path, and that this user may read it.",
            ) from error

    def _newest(self) -> Path:
        if not self._path.is_dir():
            return self._path
        files = [one for one in self._path.iterdir() if one.is_file() and is_delivery(one.name)]
        if not files:
            raise SourceError(f"{self._path}: there is no file in the folder")
        return max(files, key=lambda one: one.name)


class _StableFile(io.RawIOBase):
    """File that is refused at its end where it was changed while it was read."""

    def __init__(self, stream: BinaryIO, stamp: tuple[int, int], file: Path) -> None:
        self._stream = stream
        self._stamp = stamp
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except OSError as error:
            raise SourceError(f"{self._file}: cannot be read: {error.strerror}") from error
        if not data:
            self.require_unchanged()
        buffer[: len(data)] = data
        return len(data)

    def require_unchanged(self) -> None:
        """Raise `SourceError` where the file has changed: it may mix the rows of two deliveries."""
        if _stamp(self._stream) != self._stamp:
            raise SourceError(
                f"{self._file}: the file changed while it was read",
                hint="Write deliveries under another name, and rename them once complete.",
            )


def is_delivery(name: str) -> bool:
    """Say whether a file of that name is a delivery: not hidden, unfinished or a checksum."""
    return not _NOT_A_DELIVERY.match(name)


def _stamp(stream: BinaryIO) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns


def _require_checksum(file: Path, sha256: str) -> None:
    """Raise `SourceError` where the file has a checksum file and does not match it."""
    checksum_file = file.with_name(f"{file.name}.sha256")
    try:
        text = checksum_file.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return
    if parse_checksum_file(text, str(checksum_file)).value.hex() != sha256:
        raise SourceError(
            f"{file}: the content does not match {checksum_file.name}",
            hint="The delivery is incomplete, or the checksum is of another delivery.",
        )
