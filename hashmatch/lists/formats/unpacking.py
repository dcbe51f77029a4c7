"""Unpacking of deliveries: gzip files, and zip archives with exactly one file in them."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from hashmatch.errors import ListFileError

from .filled import buffered

_GZIP, _ZIP = "gzip", "zip"
# How files of each kind begin. Two of zip: an archive without files, and one of several volumes.
_BEGINNINGS = {
    b"\x1f\x8b": _GZIP,
    b"PK\x03\x04": _ZIP,
    b"PK\x05\x06": _ZIP,
    b"PK\x07\x08": _ZIP,
    b"\xfd7zXZ\0": "xz",
    b"BZh91AY": "bzip2",
    b"(\xb5/\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
    b"Rar!\x1a": "RAR",
}
_TAR, _TAR_PLACE = b"ustar", 257
_ENDINGS = {".gz": _GZIP, ".zip": _ZIP}
# Hashes hardly shrink, and in records full of other, equal text they are still a hundredth of it.
_MAX_RATIO = 200
# What is smaller costs nothing, however small it was packed.
_HARMLESS_BYTES = 16 << 20
_MAX_DIRECTORY_BYTES = 1 << 20
_NOTHING_CHANGED = "Nothing was changed; fetch or ask for the file again."
# All that the libraries raise for damage.
_DAMAGE = (
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_ENCRYPTED = 0x1 | 0x40 | 0x2000


@dataclass(frozen=True, slots=True)
class ListFile:
    """The list file of a delivery, unpacked: its name, and its content as a stream."""

    name: str
    stream: io.BufferedReader


@contextmanager
def unpacked(stream: BinaryIO | io.RawIOBase, name: str) -> Iterator[ListFile]:
    """Yield what a gzip file or zip archive of that name holds, or the file itself.

    The content shows which it is. It is unpacked while it is read, in bounded memory; a zip archive
    that cannot be read at any place is copied to a temporary file without a name. Raises
    `ListFileError`, also while the file is read, where it is damaged, a bomb, or holds anything
    but one list file.
    """
    packed = buffered(stream)
    kind = _kind_of(packed)
    if not kind:
        _require_plain_name(name)
        yield ListFile(name, packed)
    elif kind == _GZIP:
        inner = _require_plain(_GzipStream(packed, name), name)
        yield ListFile(name[: -len(".gz")] if name.lower().endswith(".gz") else name, inner)
    elif kind == _ZIP:
        seekable = nullcontext(packed) if packed.seekable() else _copied(packed, name)
        with seekable as archive, _unzipped(archive, name) as file:
            yield file
    else:
        raise ListFileError(
            f"{name}: files packed by {kind} are not read",
            hint="Nothing was changed; send the file packed by gzip or zip, or not at all.",
        )


def _kind_of(stream: io.BufferedReader) -> str:
    """Return how the content of a stream is packed, "" where it is not."""
    beginning = stream.peek(_TAR_PLACE + len(_TAR))
    if beginning[_TAR_PLACE:].startswith(_TAR):
        return "tar"
    return next((kind for one, kind in _BEGINNINGS.items() if beginning.startswith(one)), "")


def _require_plain_name(name: str) -> None:
    for ending, kind in _ENDINGS.items():
        if name.lower().endswith(ending):
            raise ListFileError(
                f"{name}: it is named as a {kind} file, and does not begin as one",
                hint=f"{_NOTHING_CHANGED} If it is not packed, rename it.",
            )


def _require_plain(unpacking: io.RawIOBase, name: str) -> io.BufferedReader:
    inner = buffered(unpacking)
    if kind := _kind_of(inner):
        raise ListFileError(
            f"{name}: the file in it is packed again, by {kind}",
            hint="Nothing was changed; send the list file packed once.",
        )
    return inner


def _require_no_bomb(name: str, unpacked_bytes: int, packed_bytes: int) -> None:
    if unpacked_bytes > max(_HARMLESS_BYTES, _MAX_RATIO * packed_bytes):
        raise ListFileError(
            f"{name}: unpacked, it is more than {_MAX_RATIO} times as large, as no list is",
            hint="Nothing was changed; if it is a list, unpack it yourself.",
        )


class _UnpackingStream(io.RawIOBase):
    """Stream of what a library unpacks, which ends only where all of it was verified."""

    def __init__(self, unpacking: gzip.GzipFile | IO[bytes], name: str) -> None:
        self._unpacking = unpacking
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._unpacking.read(len(buffer))
        except _DAMAGE as error:
            raise _damaged(self._name) from error
        buffer[: len(data)] = data
        return len(data)


class _GzipStream(_UnpackingStream):
    """Stream of all members of a gzip file."""

    def __init__(self, packed: BinaryIO, name: str) -> None:
        self._counted = _CountedStream(packed)
        self._unpacked_bytes = 0
        super().__init__(gzip.GzipFile(fileobj=self._counted, mode="rb"), name)

    def readinto(self, buffer: Any) -> int:
        size = super().readinto(buffer)
        self._unpacked_bytes += size
        _require_no_bomb(self._name, self._unpacked_bytes, self._counted.bytes_read)
        return size


class _CountedStream(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self.bytes_read += len(data)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _copied(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Copy a stream to a temporary file that has no name, and that its owner alone can open."""
    with ExitStack() as opened:
        try:
            copy = opened.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(stream, copy, 1 << 20)
        except OSError as error:
            raise ListFileError(
                f"{name}: it cannot be unpacked: {error.strerror}",
                hint="A copy of the archive needs room in the folder for temporary files (TMPDIR).",
            ) from error
        yield copy


@contextmanager
def _unzipped(packed: BinaryIO, name: str) -> Iterator[ListFile]:
    packed_bytes = packed.seek(0, io.SEEK_END)
    try:
        # The class wants no more of a file than to read it at any place.
        archive = zipfile.ZipFile(_ArchiveFile(packed, name))
        info = _only_file(archive, name)
        member = archive.open(info)
    except _DAMAGE as error:
        raise _damaged(name) from error
    _require_no_bomb(name, info.file_size, packed_bytes)
    with archive, member:
        shown = "".join(one if one.isprintable() else "?" for one in info.filename)
        yield ListFile(f"{name}/{shown}", _require_plain(_UnpackingStream(member, name), name))


class _ArchiveFile:
    """Zip archive as a file that is never read in large parts, as its directory would be."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self.tell, self.seekable = stream.tell, stream.seekable

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and place < 0:
            raise zipfile.BadZipFile
        return self._stream.seek(place, whence)

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY_BYTES:
            raise _not_one_file(self._name, "thousands of files")
        return self._stream.read(size)


def _only_file(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    files = [one for one in archive.infolist() if not _is_incidental(one)]
    if len(files) != 1:
        raise _not_one_file(name, f"{len(files)} files" if files else "no file")
    (info,) = files
    if info.flag_bits & _ENCRYPTED:
        raise ListFileError(
            f"{name}: the archive is encrypted",
            hint="Nothing was changed; unpack it with its password, and import the file in it.",
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ListFileError(
            f"{name}: the archive is compressed by another method than deflate",
            hint="Nothing was changed; pack the file by gzip, or as zip archives usually are.",
        )
    return info


def _is_incidental(info: zipfile.ZipInfo) -> bool:
    """Say whether a part of an archive is a folder, or what macOS adds to archives."""
    *_, last = info.filename.split("/")
    is_folder = info.filename.endswith("/") and not info.file_size
    is_of_macos = info.filename.startswith("__MACOSX/") or last.startswith("._")
    return is_folder or is_of_macos or last == ".DS_Store"


def _not_one_file(name: str, content: str) -> ListFileError:
    return ListFileError(
        f"{name}: the archive holds {content}, and has to hold one list file",
        hint="Nothing was changed; send each list alone. A workbook, such as of Excel, is an"
        " archive, too: save it as CSV.",
    )


def _damaged(name: str) -> ListFileError:
    return ListFileError(f"{name}: the archive is truncated or damaged", hint=_NOTHING_CHANGED)
