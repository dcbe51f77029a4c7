"""Sources for archives: tar, compressed or not, and zip. Nothing is ever extracted to a disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar

from hashmatch.errors import BackfillError
from hashmatch.imaging import path_as_text, too_large
from hashmatch.outcome import Failure, Reason

from .interface import Item, Source

_OPENERS: dict[str, Any] = {
    ".tar": open,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
}
_HINT = "Repair it, or unpack it and name the folder; what was read before is on record."
# What the modules of archives raise where these are damaged.
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
_CHUNK_BYTES = 1 << 20


def is_archive(path: Path) -> bool:
    """Say whether a file is an archive by its name."""
    return path.name.lower().endswith((*_OPENERS, ".zip"))


def open_archive(path: Path, max_bytes: int) -> Source:
    """Return the source for an archive."""
    is_zip = path.name.lower().endswith(".zip")
    return _ZipSource(path, max_bytes) if is_zip else _TarSource(path, max_bytes)


class _ArchiveSource(Source):
    """The files of an archive, each known by the path of the archive and its own in there."""

    is_streamed: ClassVar[bool] = True

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path.absolute()
        self._max_bytes = max_bytes

    @property
    def name(self) -> str:
        """Absolute path of the archive."""
        return path_as_text(self._path)

    def order(self, position: str) -> Any:
        """Return the number of the file."""
        return int(position or 0)

    def _item(self, number: int, name: str, load: Callable[[], bytes | Failure]) -> Item:
        content_id = f"{self.name}/{name}"
        # Another file of the same name may follow, and is another version of it.
        return Item(content_id, content_id, str(number), str(number), load)

    def _bounded(self, open_file: Callable[[], IO[bytes] | None], size: int) -> bytes | Failure:
        """Return the bytes of a file, or why it has none."""
        try:
            stream = open_file()
            if stream is None:
                return Failure(Reason.UNREADABLE, "a link in an archive, not a file")
            with stream:
                data = stream.read(self._max_bytes + 1)
        # Encrypted, or compressed in a way that is not known here.
        except (RuntimeError, NotImplementedError) as error:
            return Failure(Reason.UNREADABLE, f"in the archive: {error}")
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
            return Failure(Reason.UNREADABLE, f"damaged in the archive: {error}")
        if len(data) > self._max_bytes:
            return too_large(self._max_bytes)
        if len(data) != size:
            return Failure(Reason.UNREADABLE, "the archive ends within the file")
        return data

    def _damaged(self, number: int, error: object) -> BackfillError:
        return BackfillError(
            f"{self.name}: cannot be read after {number:,} files: {error}", hint=_HINT
        )


class _TarSource(_ArchiveSource):
    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the files and links of the archive."""
        number = 0
        try:
            with self._open() as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    archive.members = []  # type: ignore[attr-defined]  # It would keep them all.
                    if not (member.isreg() or member.issym() or member.islnk()):
                        continue
                    number += 1
                    if number > self.order(position):
                        load = partial(self._load, archive, member)
                        yield self._item(number, _text(member.name), load)
                _require_end(stream, archive.offset)
        except _DAMAGE as error:
            raise self._damaged(number, error) from error

    def _open(self) -> IO[bytes]:
        name = self._path.name.lower()
        opener = next(opener for suffix, opener in _OPENERS.items() if name.endswith(suffix))
        stream: IO[bytes] = opener(self._path, "rb")
        return stream

    def _load(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | Failure:
        if not member.isreg():
            return Failure(Reason.UNREADABLE, "a link in an archive, not a file")
        return self._bounded(partial(archive.extractfile, member), member.size)


class _ZipSource(_ArchiveSource):
    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the files of the archive."""
        number = 0
        try:
            with zipfile.ZipFile(self._path) as archive:
                for member in archive.infolist():
                    if member.is_dir():
                        continue
                    number += 1
                    if number > self.order(position):
                        load = partial(
                            self._bounded, partial(archive.open, member), member.file_size
                        )
                        yield self._item(number, _text(member.filename), load)
        except _DAMAGE as error:
            raise self._damaged(number, error) from error


def _require_end(stream: IO[bytes], offset: int) -> None:
    """Raise `tarfile.ReadError` where there is no mark of an end after an offset, or more after it.

    The module takes whatever it cannot read there for the end.
    """
    if stream.tell() <= offset:
        raise tarfile.ReadError("it ends without the mark of its end")
    while chunk := stream.read(_CHUNK_BYTES):
        if chunk.strip(b"\0"):
            raise tarfile.ReadError("there is more after what looks like its end")
    if stream.tell() % tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends within a block")


def _text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
