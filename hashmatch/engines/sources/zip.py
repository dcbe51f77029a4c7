"""Source for zip archives, read strictly: every byte has to belong to a file that is screened."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

from hashmatch.imaging import too_large
from hashmatch.outcome import Failure, Reason

from .archive import ArchiveSource, DamagedError

_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_ENCRYPTED = 0x1
# What may follow a file: nothing, or its sizes and checksum again, with or without a signature,
# in 32 or 64 bits.
_DESCRIPTORS = (0, 12, 16, 20, 24)
_MANY = 0xFFFF
_DAMAGE = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, struct.error)


class ZipSource(ArchiveSource):
    """The files of a zip archive."""

    def members(self) -> Iterator[tuple[str, Callable[[], bytes | Failure]]]:
        """Yield the files of the directory, which has to name everything in the archive."""
        try:
            with self.path.open("rb") as file, zipfile.ZipFile(file) as archive:
                begins = _begins(file, archive)
                for member in archive.infolist():
                    if member.is_dir() and not member.file_size:
                        continue
                    read = partial(self._read, file, member, begins[member.header_offset])
                    yield member.filename, read
        except _DAMAGE as error:
            raise DamagedError(str(error) or type(error).__name__) from error

    def _read(self, file: IO[bytes], member: zipfile.ZipInfo, begin: int) -> bytes | Failure:
        if member.flag_bits & _ENCRYPTED:
            return Failure(Reason.UNREADABLE, "encrypted in the archive")
        if member.file_size > self.max_bytes or member.compress_size > 2 * self.max_bytes:
            return too_large(self.max_bytes)
        file.seek(begin)
        packed = file.read(member.compress_size)
        if member.compress_type == zipfile.ZIP_STORED:
            data, is_whole = packed, True
        elif member.compress_type == zipfile.ZIP_DEFLATED:
            decoder = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                data = decoder.decompress(packed, member.file_size + 1)
            except zlib.error:
                return Failure(Reason.UNREADABLE, "damaged in the archive")
            is_whole = decoder.eof and not decoder.unused_data and not decoder.unconsumed_tail
        else:
            return Failure(Reason.UNREADABLE, "packed in a way that is not read here")
        if not is_whole or len(data) != member.file_size or zlib.crc32(data) != member.CRC:
            return Failure(Reason.UNREADABLE, "damaged in the archive")
        return data


def _begins(file: IO[bytes], archive: zipfile.ZipFile) -> dict[int, int]:
    """Return where the content begins of the file at each place.

    Raises `DamagedError` for anything that is in no file of the directory: other programs may
    unpack it.
    """
    begins: dict[int, int] = {}
    expected = {0}
    for member in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if member.header_offset not in expected:
            raise DamagedError("there is something between the files that its directory names")
        file.seek(member.header_offset)
        signature, *_, names, extra = _LOCAL.unpack(file.read(_LOCAL.size))
        if signature != b"PK\3\4":
            raise DamagedError("a file is not where its directory says")
        begin = member.header_offset + _LOCAL.size + names + extra
        begins[member.header_offset] = begin
        expected = {begin + member.compress_size + more for more in _DESCRIPTORS}
    if archive.start_dir not in expected:
        raise DamagedError("there is something between its files and its directory")
    length = file.seek(0, 2)
    file.seek(length - _END.size - len(archive.comment))
    signature, *_, number, _, _, comment = _END.unpack(file.read(_END.size))
    if signature != b"PK\5\6" or comment != len(archive.comment):
        raise DamagedError("there is more after its end")
    if number not in (len(archive.infolist()), _MANY):
        raise DamagedError("its directory has another number of files than it says")
    return begins
