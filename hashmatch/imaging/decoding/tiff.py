"""The directories of a TIFF file, walked before Pillow does it (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits

# Tags whose value is the place of another directory.
_EXIF, _GPS, _INTEROPERABILITY, _SUB_PICTURES = 34665, 34853, 40965, 330
_DIRECTORIES = frozenset({_EXIF, _GPS, _INTEROPERABILITY})
# The bytes of one value, by the type of a field.
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_TYPE_BYTES = {**_TYPE_BYTES, 16: 8, 17: 8, 18: 8}


class _Field(NamedTuple):
    tag: int
    size_bytes: int
    value: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are written: in which order, and how wide."""

    order: str
    is_big: bool

    def unpack(self, classic: str, big: str, data: bytes, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + (big if self.is_big else classic), data, at)


@dataclass
class _Walk:
    data: bytes
    layout: _Layout
    limits: Limits
    metadata_bytes: int = 0
    seen: set[int] = field(default_factory=set)

    def directory(self, at: int, depth: int) -> int:
        """Look at one directory and those that it refers to; return the place of the next."""
        self.limits.require_nesting(depth)
        if at in self.seen:
            detail = "the directories of a TIFF form a loop"
            raise DecodingError(Reason.UNDECODABLE, detail)
        self.seen.add(at)
        fields, after = self._fields(at)
        for one in fields:
            if one.tag == _SUB_PICTURES:
                detail = "a TIFF with pictures inside its pictures (SubIFDs)"
                raise DecodingError(Reason.UNSUPPORTED, detail)
            self.metadata_bytes += one.size_bytes
            self.limits.require_metadata(self.metadata_bytes)
            if one.tag in _DIRECTORIES:
                self.directory(one.value, depth + 1)
        (following,) = self.layout.unpack("I", "Q", self.data, after)
        return following

    def _fields(self, at: int) -> tuple[Iterator[_Field], int]:
        """Return the fields of a directory and the place after them."""
        (count,) = self.layout.unpack("H", "Q", self.data, at)
        width = 20 if self.layout.is_big else 12
        start = at + (8 if self.layout.is_big else 2)
        self.metadata_bytes += count * width
        self.limits.require_metadata(self.metadata_bytes)
        places = range(start, start + count * width, width)
        return (self._field(place) for place in places), start + count * width

    def _field(self, at: int) -> _Field:
        tag, kind, count, value = self.layout.unpack("HHII", "HHQQ", self.data, at)
        sizes = _BIG_TYPE_BYTES if self.layout.is_big else _TYPE_BYTES
        return _Field(tag, count * sizes.get(kind, 0), value)


def outline_tiff(data: bytes, limits: Limits) -> None:
    """Walk all directories.

    Raises `DecodingError` beyond a limit, for a loop, and for pictures inside pictures, of which
    Pillow would show only the outer one; `struct.error` or `OverflowError` where a directory is not
    in the file.
    """
    order = "<" if data.startswith(b"II") else ">"
    layout = _Layout(order, is_big=b"+" in data[2:4])
    walk = _Walk(data, layout, limits)
    (following,) = layout.unpack("4xI", "8xQ", data, 0)
    pages = 0
    while following:
        pages += 1
        limits.require_frames(pages)
        following = walk.directory(following, depth=1)
