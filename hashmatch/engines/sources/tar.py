"""Source for tar archives, compressed or not, read strictly: what is passed over is an error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from hashmatch.imaging import too_large
from hashmatch.outcome import Failure, Reason

from .archive import ArchiveSource, DamagedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PLAIN, _GZIP, _BZIP2, _XZ = "", "gz", "bz2", "xz"
_SUFFIXES = {
    ".tar": _PLAIN, ".tar.gz": _GZIP, ".tgz": _GZIP, ".tar.bz2": _BZIP2, ".tbz2": _BZIP2,
    ".tar.xz": _XZ, ".txz": _XZ,
}  # fmt: skip
# What the modules raise for damage, and for headers that make no sense.
_DAMAGE = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_CHUNK_BYTES = 1 << 18
# Of a long name, and of other headers beside those of a file.
_MAX_HEADER_BYTES = 1 << 20
# Types that name what follows, and those that have no content.
_HEADERS = frozenset(b"LKxgX")
_WITHOUT_CONTENT = (tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


def is_tar(path: Path) -> bool:
    """Say whether a file is a tar archive by its name."""
    return path.name.lower().endswith(tuple(_SUFFIXES))


class TarSource(ArchiveSource):
    """The files of a tar archive, and its links, which are unreadable."""

    def members(self) -> Iterator[tuple[str, Callable[[], bytes | Failure]]]:
        """Yield everything that has a content, whatever its type says."""
        with (
            _damage(),
            self._open() as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive,
        ):
            while (member := archive.next()) is not None:
                vars(archive)["members"] = []  # It would keep them all.
                if member.type in _WITHOUT_CONTENT and not member.size:
                    continue
                yield member.name, partial(self._read, archive, member)
            rest: Any = archive.fileobj
            while chunk := rest.read(_CHUNK_BYTES):
                if chunk.strip(b"\0"):
                    raise DamagedError("there is more after what looks like its end")

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        name = self.path.name.lower()
        kind = next(kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix))
        with self.path.open("rb") as file:
            if kind == _PLAIN:
                yield file
            elif kind == _GZIP:
                with gzip.open(file, "rb") as stream:
                    yield cast("IO[bytes]", stream)
            else:
                yield io.BufferedReader(_Decompressed(file, kind), _CHUNK_BYTES)

    def _read(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | Failure:
        if member.issym() or member.islnk():
            return Failure(Reason.UNREADABLE, "a link in an archive, not a file")
        if member.type in _WITHOUT_CONTENT:
            return Failure(Reason.UNREADABLE, "no file in an archive, but with a content")
        if member.size > self.max_bytes:
            return too_large(self.max_bytes)
        with _damage():
            # A type that is not known is that of a file, as other programs have it.
            member.type = member.type if member.isreg() else tarfile.REGTYPE
            stream = archive.extractfile(member)
            data = stream.read() if stream is not None else b""
        if len(data) != member.size:
            raise DamagedError("it ends within a file")
        return data


class _Header(tarfile.TarInfo):
    """A header; one that is damaged or missing is an error, where the module sees the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a block as a header."""
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            problem = f"{error or 'nothing'}, where the next file or the mark of its end should be"
            raise tarfile.ReadError(problem) from error
        if found.type[0] in _HEADERS and found.size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError("a name or another header is too long")
        return found


class _Decompressed(io.RawIOBase):
    """Stream of a file in bzip2 or xz, which has to be used up: the modules pass over the rest."""

    def __init__(self, file: IO[bytes], kind: str) -> None:
        self._file = file
        self._new: Callable[[], Any] = (
            bz2.BZ2Decompressor if kind == _BZIP2 else lzma.LZMADecompressor
        )
        self._decompressor = self._new()
        self._input = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            if self._decompressor.eof:
                self._input = self._decompressor.unused_data or self._file.read(_CHUNK_BYTES)
                if not self._input:
                    return 0
                self._decompressor = self._new()  # Another stream follows.
            elif self._decompressor.needs_input and not self._input:
                self._input = self._file.read(_CHUNK_BYTES)
                if not self._input:
                    raise EOFError("the compressed data ends too early")
            data = self._decompressor.decompress(self._input, len(view))
            self._input = b""
            if data:
                view[: len(data)] = data
                return len(data)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except DamagedError:
        raise
    except _DAMAGE as error:
        raise DamagedError(str(error) or type(error).__name__) from error
