"""Directories of a TIFF file, checked before Pillow reads them (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits

# Tags whose value is the offset of another directory.
_EXIF, _GPS, _INTEROPERABILITY, _SUB_IFDS = 34665, 34853, 40965, 330
_DIRECTORIES = frozenset({_EXIF, _GPS, _INTEROPERABILITY})
# Tags that describe the strips or tiles of a picture.
_WIDTH, _HEIGHT, _SAMPLES, _PLANES = 256, 257, 277, 284
_STRIPS, _STRIP_ROWS = 273, 278
_TILES, _TILE_WIDTH, _TILE_HEIGHT = 324, 322, 323
# What a further channel is for: 0 for nothing, 1 and 2 for alpha.
_EXTRA_SAMPLES, _ALPHA = 338, 2
# A field type, and the planar configuration in which each channel is stored by itself.
_SHORT, _SEPARATE = 3, 2
# The bytes of one value by field type.
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_TYPE_BYTES = {**_TYPE_BYTES, 16: 8, 17: 8, 18: 8}


class _Field(NamedTuple):
    tag: int
    kind: int
    size_bytes: int
    values: int
    value: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """The byte order and the width of numbers in one file."""

    order: str
    is_big: bool

    def unpack(self, classic: str, big: str, data: bytes, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + (big if self.is_big else classic), data, at)


@dataclass
class _Walk:
    """The facts collected while the directories of one file are read."""

    data: bytes
    layout: _Layout
    limits: Limits
    metadata_bytes: int = 0
    seen: set[int] = field(default_factory=set)
    is_complete: bool = True
    # Where channels of no said purpose are declared.
    unnamed: list[int] = field(default_factory=list)

    def with_alpha(self) -> bytes:
        """Return the file with such channels as alpha by which no colours are multiplied."""
        if not self.unnamed:
            return self.data
        data = bytearray(self.data)
        for at in self.unnamed:
            struct.pack_into(self.layout.order + "H", data, at, _ALPHA)
        return bytes(data)

    def directory(self, at: int, depth: int) -> int:
        """Check one directory and its subdirectories; return the offset of the next page."""
        self.limits.require_nesting(depth)
        if at in self.seen:
            detail = "the directories of a TIFF form a loop"
            raise DecodingError(Reason.UNDECODABLE, detail)
        self.seen.add(at)
        fields, after = self._fields(at)
        picture: dict[int, _Field] = {}
        for one in fields:
            picture[one.tag] = one
            if one.tag == _SUB_IFDS:
                detail = "a TIFF with pictures inside its pictures (SubIFDs)"
                raise DecodingError(Reason.UNSUPPORTED, detail)
            if one.tag == _EXTRA_SAMPLES and (one.kind, one.values) != (_SHORT, 1):
                detail = "a TIFF with more than one channel beside its colours"
                raise DecodingError(Reason.UNSUPPORTED, detail)
            self.metadata_bytes += one.size_bytes
            self.limits.require_metadata(self.metadata_bytes)
            if one.tag in _DIRECTORIES:
                self.directory(one.value, depth + 1)
        self.is_complete &= _names_all_parts(picture)
        (next_at,) = self.layout.unpack("I", "Q", self.data, after)
        return next_at

    def _fields(self, at: int) -> tuple[Iterator[_Field], int]:
        """Return the fields of a directory and the offset after them."""
        (count,) = self.layout.unpack("H", "Q", self.data, at)
        width = 20 if self.layout.is_big else 12
        start = at + (8 if self.layout.is_big else 2)
        # Checked before any field is read: a count may be as large as the type allows.
        self.metadata_bytes += count * width
        self.limits.require_metadata(self.metadata_bytes)
        places = range(start, start + count * width, width)
        return (self._field(place) for place in places), start + count * width

    def _field(self, at: int) -> _Field:
        tag, kind, count, value = self.layout.unpack("HHII", "HHQQ", self.data, at)
        sizes = _BIG_TYPE_BYTES if self.layout.is_big else _TYPE_BYTES
        if kind == _SHORT:  # A short value is stored in the first bytes of the value's place.
            (value,) = self.layout.unpack("8xH", "12xH", self.data, at)
            if (tag, count, value) == (_EXTRA_SAMPLES, 1, 0):
                self.unnamed.append(at + (12 if self.layout.is_big else 8))
        return _Field(tag, kind, count * sizes.get(kind, 0), count, value)


def _names_all_parts(picture: Mapping[int, _Field]) -> bool:
    """Say whether a directory names as many strips or tiles as its picture needs."""
    sides = {tag: picture[tag].value for tag in (_WIDTH, _HEIGHT) if tag in picture}
    if len(sides) < 2:
        return True  # No picture, or one that cannot be decoded.
    width, height = sides.values()
    has_separate_planes = _PLANES in picture and picture[_PLANES].value == _SEPARATE
    planes = picture[_SAMPLES].value if has_separate_planes and _SAMPLES in picture else 1
    if _TILES in picture:
        across, down = (
            picture[tag].value if tag in picture else 0 for tag in (_TILE_WIDTH, _TILE_HEIGHT)
        )
        parts = -(-width // (across or width or 1)) * -(-height // (down or height or 1))
        return picture[_TILES].values >= parts * planes
    rows = picture[_STRIP_ROWS].value if _STRIP_ROWS in picture else height
    return _STRIPS in picture and picture[_STRIPS].values >= -(-height // (rows or 1)) * planes


def outline_tiff(data: bytes, limits: Limits) -> tuple[bytes, bool]:
    """Check all directories; return the file, and whether each names all parts of its picture.

    Channels of which the file does not say what they are for become alpha, as for many viewers.
    Raises `DecodingError` beyond a limit, for a loop, and for pictures inside pictures, of which
    Pillow would show only the outer one. Raises `struct.error` or `OverflowError` if a directory
    lies outside the file.
    """
    order = "<" if data.startswith(b"II") else ">"
    layout = _Layout(order, is_big=b"+" in data[2:4])
    walk = _Walk(data, layout, limits)
    (next_at,) = layout.unpack("4xI", "8xQ", data, 0)
    pages = 0
    while next_at:
        pages += 1
        limits.require_frames(pages)
        next_at = walk.directory(next_at, depth=1)
    return walk.with_alpha(), walk.is_complete
