"""The directories of a TIFF file, walked before Pillow does it (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits

# Tags whose value is the place of another directory.
_EXIF, _GPS, _INTEROPERABILITY, _SUB_PICTURES = 34665, 34853, 40965, 330
_DIRECTORIES = frozenset({_EXIF, _GPS, _INTEROPERABILITY})
# Tags that say how a picture is cut into strips or tiles, and where those are.
_WIDTH, _HEIGHT, _SAMPLES, _PLANES = 256, 257, 277, 284
_STRIPS, _STRIP_ROWS = 273, 278
_TILES, _TILE_WIDTH, _TILE_HEIGHT = 324, 322, 323
_SHORT, _APART = 3, 2
# The bytes of one value, by the type of a field.
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_TYPE_BYTES = {**_TYPE_BYTES, 16: 8, 17: 8, 18: 8}


class _Field(NamedTuple):
    tag: int
    size_bytes: int
    values: int
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
    is_whole: bool = True

    def directory(self, at: int, depth: int) -> int:
        """Look at one directory and those that it refers to; return the place of the next."""
        self.limits.require_nesting(depth)
        if at in self.seen:
            detail = "the directories of a TIFF form a loop"
            raise DecodingError(Reason.UNDECODABLE, detail)
        self.seen.add(at)
        fields, after = self._fields(at)
        picture: dict[int, _Field] = {}
        for one in fields:
            picture[one.tag] = one
            if one.tag == _SUB_PICTURES:
                detail = "a TIFF with pictures inside its pictures (SubIFDs)"
                raise DecodingError(Reason.UNSUPPORTED, detail)
            self.metadata_bytes += one.size_bytes
            self.limits.require_metadata(self.metadata_bytes)
            if one.tag in _DIRECTORIES:
                self.directory(one.value, depth + 1)
        self.is_whole &= _has_all_its_parts(picture)
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
        if kind == _SHORT:  # It stands at the beginning of the place for its value.
            (value,) = self.layout.unpack("8xH", "12xH", self.data, at)
        return _Field(tag, count * sizes.get(kind, 0), count, value)


def _has_all_its_parts(picture: Mapping[int, _Field]) -> bool:
    """Say whether a directory names as many strips or tiles as its picture has."""
    sides = {tag: picture[tag].value for tag in (_WIDTH, _HEIGHT) if tag in picture}
    if len(sides) < 2:
        return True  # No picture, or none that could be decoded.
    width, height = sides.values()
    is_apart = _PLANES in picture and picture[_PLANES].value == _APART
    planes = picture[_SAMPLES].value if is_apart and _SAMPLES in picture else 1
    if _TILES in picture:
        across, down = (
            picture[tag].value if tag in picture else 0 for tag in (_TILE_WIDTH, _TILE_HEIGHT)
        )
        parts = -(-width // (across or width or 1)) * -(-height // (down or height or 1))
        return picture[_TILES].values >= parts * planes
    rows = picture[_STRIP_ROWS].value if _STRIP_ROWS in picture else height
    return _STRIPS in picture and picture[_STRIPS].values >= -(-height // (rows or 1)) * planes


def outline_tiff(data: bytes, limits: Limits) -> bool:
    """Walk all directories; say whether each names all parts of its picture.

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
    return walk.is_whole
