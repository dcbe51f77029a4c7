"""Lists that somebody puts into a file or folder of this machine."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import SourceError

from ..delivery import Delivery
from ..formats import ListFormat
from .interface import Checkpoint, Fetch, ListSource
from .verified import parse_checksum_file

_HIDDEN_OR_BESIDE = re.compile(r"\.|.*\.(sha256|tmp|part)$", re.IGNORECASE)


class FileSource(ListSource):
    """A file, or of a folder the last file by name, as dated deliveries sort.

    Where a file with the same name and `.sha256` stands beside it, its content has to agree.
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
        """What to call the source in records."""
        return f"file {self._path}"

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the file, unless its content is the one of the checkpoint."""
        try:
            file = self._newest()
            with file.open("rb") as stream:
                before = _stamp(stream)
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                _require_agreement(file, sha256)
                if checkpoint.get("sha256") == sha256:
                    return
                stream.seek(0)
                list_format = self._find_format(file.name)
                items = list_format.read(_Unchanging(stream, before, file), self._mapping)  # type: ignore[arg-type]
                yield Fetch(Delivery(items, list_format.unit), {"sha256": sha256})
        except OSError as error:
            raise SourceError(
                f"{error.filename or self._path}: {(error.strerror or 'cannot be read').lower()}",
                hint="Look at the path, and at who may read it.",
            ) from error

    def _newest(self) -> Path:
        if not self._path.is_dir():
            return self._path
        files = [one for one in self._path.iterdir() if one.is_file() and is_delivery(one.name)]
        if not files:
            raise SourceError(f"{self._path}: there is no file in the folder")
        return max(files, key=lambda one: one.name)


class _Unchanging:
    """A file that is refused where somebody writes it while it is read."""

    def __init__(self, stream: BinaryIO, stamp: tuple[int, int], file: Path) -> None:
        self._stream = stream
        self._stamp = stamp
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._checked(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._checked(self._stream.readline, size)

    def _checked(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except OSError as error:
            raise SourceError(f"{self._file}: it cannot be read: {error.strerror}") from error
        if not data and _stamp(self._stream) != self._stamp:
            raise SourceError(
                f"{self._file}: the file changed while it was read",
                hint="Write deliveries under another name, and rename them when they are whole.",
            )
        return data


def is_delivery(name: str) -> bool:
    """Say whether a file of that name is one: none that is hidden, half written or a checksum."""
    return not _HIDDEN_OR_BESIDE.match(name)


def _stamp(stream: BinaryIO) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns


def _require_agreement(file: Path, sha256: str) -> None:
    """Raise `SourceError` where a checksum beside the file says that it should be another."""
    beside = file.with_name(f"{file.name}.sha256")
    try:
        text = beside.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return
    if parse_checksum_file(text, str(beside)).value.hex() != sha256:
        raise SourceError(
            f"{file}: the content does not agree with {beside.name}",
            hint="The delivery is not whole, or not the one that the checksum is of.",
        )
