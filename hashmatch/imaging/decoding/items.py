"""Items of an AVIF or HEIF file: its pictures and what belongs to them (ISO/IEC 14496-12, 8.11)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from hashmatch.outcome import Reason

from ..limits import DecodingError

_Value = TypeVar("_Value")
_BOX_HEADER_BYTES, _FULL_BYTES = 8, 4
# An item of the type "tone map" is derived from a picture and its gain map (ISO/IEC 23008-12).
_TONE_MAP, _DERIVED_FROM = b"tmap", b"dimg"
# A picture is premultiplied by its alpha, or would be, had this another name.
_PREMULTIPLIED, _NOTHING = b"prem", b"skip"
# The items whose bytes are looked at: tone maps, and metadata.
_READ = frozenset({_TONE_MAP, b"Exif", b"mime"})
_IN_FILE, _IN_IDAT = 0, 1
# The most bytes of parameters that are read, and of items.
_MAX_BYTES, _MAX_ITEMS = 4096, 10_000


@dataclass
class Items:
    """The items of a file: by number their types, sources and bytes, as far as they are read."""

    data: bytes
    types: dict[int, bytes] = field(default_factory=dict)
    sources: dict[int, tuple[int, ...]] = field(default_factory=dict)
    places: dict[int, list[slice]] = field(default_factory=dict)
    # Where the number of the primary item is, and where the bytes begin that the boxes hold.
    primary_at: int = 0
    primary_width: int = 0
    idat: int = 0
    # Where the boxes begin that say that a picture is premultiplied.
    premultiplied: list[int] = field(default_factory=list)

    def without_multiplication(self) -> bytes:
        """Return the file so that decoders leave its premultiplied colours as they are."""
        if not self.premultiplied:
            return self.data
        data = bytearray(self.data)
        for at in self.premultiplied:
            data[at - len(_NOTHING) : at] = _NOTHING
        return bytes(data)

    def tone_maps(self) -> Iterator[tuple[bytes, int]]:
        """Yield the parameters of each tone map, and the number of its gain map's item."""
        for number, kind in self.types.items():
            sources = self.sources.get(number, ())
            if kind != _TONE_MAP or len(sources) != 2 or sources[1] >= 256**self.primary_width:
                continue
            parameters = b""
            for one in self.places.get(number, ()):
                parameters += self.data[one.start : min(one.stop, one.start + _MAX_BYTES)]
                if len(parameters) >= _MAX_BYTES:
                    break
            yield parameters, sources[1]

    def with_primary(self, number: int) -> bytes:
        """Return the file with another item as its primary one."""
        end = self.primary_at + self.primary_width
        changed = number.to_bytes(self.primary_width, "big")
        return self.data[: self.primary_at] + changed + self.data[end:]


def read_items(data: bytes) -> Items:
    """Return the items of a file.

    Raises `DecodingError` where its boxes cannot be read, or say more than one thing.
    """
    items = Items(data)
    try:
        for kind, at, end in walk_boxes(data, 0, len(data)):
            if kind == b"meta":
                _read_meta(items, at + _FULL_BYTES, end)
            elif kind == b"moov":
                _read_tracks(items, at, end)
    except (struct.error, IndexError) as error:
        detail = "the items of the file cannot be read, or contradict each other"
        raise DecodingError(Reason.UNSUPPORTED, detail) from error
    return items


def walk_boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box between two places, and where its body begins and ends.

    Raises `struct.error` where the file ends within a length of 64 bits.
    """
    while at + _BOX_HEADER_BYTES <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        header = _BOX_HEADER_BYTES
        if length == 1:
            (length,), header = struct.unpack_from(">Q", data, at + 8), 16
        elif length == 0:
            length = end - at
        if length < header:
            return
        yield kind, at + header, min(at + length, end)
        at += length


def _read_meta(items: Items, at: int, end: int) -> None:
    found: dict[bytes, tuple[int, int]] = {}
    for kind, start, stop in walk_boxes(items.data, at, end):
        if kind in found and kind in (b"pitm", b"iinf", b"iref", b"iloc", b"idat"):
            raise IndexError("a box that is there twice")
        found[kind] = (start, stop)
    if items.primary_width:
        raise IndexError("more than one box of items")
    items.idat = found.get(b"idat", (0, 0))[0]
    if b"pitm" in found:
        start, _ = found[b"pitm"]
        items.primary_at, items.primary_width = start + _FULL_BYTES, 4 if items.data[start] else 2
    if b"iinf" in found:
        _read_types(items, *found[b"iinf"])
    if b"iref" in found:
        _read_sources(items, *found[b"iref"])
    if b"iloc" in found:
        _read_places(items, found[b"iloc"][0])


def _add(found: dict[int, _Value], number: int, value: _Value) -> None:
    if number in found:
        raise IndexError("an item that is described twice")
    found[number] = value


def _read_tracks(items: Items, at: int, end: int) -> None:
    for kind, start, stop in walk_boxes(items.data, at, end):
        if kind in (b"trak", b"tref"):
            _read_tracks(items, start, stop)
        elif kind == _PREMULTIPLIED:
            items.premultiplied.append(start)


def _read_types(items: Items, at: int, end: int) -> None:
    first = at + _FULL_BYTES + (4 if items.data[at] else 2)
    for kind, start, _ in walk_boxes(items.data, first, end):
        version = items.data[start]
        if len(items.types) > _MAX_ITEMS:
            raise IndexError("more items than any file has")
        if kind == b"infe" and version in (2, 3):
            number, _, name = struct.unpack_from(
                ">IH4s" if version == 3 else ">HH4s", items.data, start + _FULL_BYTES
            )
            _add(items.types, number, name)


def _read_sources(items: Items, at: int, end: int) -> None:
    width, code = (4, "I") if items.data[at] else (2, "H")
    for kind, start, _ in walk_boxes(items.data, at + _FULL_BYTES, end):
        if kind == _PREMULTIPLIED:
            items.premultiplied.append(start)
        if kind == _DERIVED_FROM:
            number, count = struct.unpack_from(f">{code}H", items.data, start)
            sources = struct.unpack_from(f">{count}{code}", items.data, start + width + 2)
            _add(items.sources, number, sources)


def _read_places(items: Items, at: int) -> None:
    """Read where the bytes of each item are (iloc)."""
    version, sizes, more = items.data[at], items.data[at + 4], items.data[at + 5]
    offset_width, length_width, base_width = sizes >> 4, sizes & 15, more >> 4
    index_width = more & 15 if version else 0
    reader = _Numbers(items.data, at + 6)
    extents = 0
    for _ in range(reader.read(4 if version == 2 else 2)):
        number = reader.read(4 if version == 2 else 2)
        method = reader.read(2) & 15 if version else _IN_FILE
        reader.read(2)  # The file that holds the data: this one.
        base = reader.read(base_width)
        start = base + (items.idat if method == _IN_IDAT else 0)
        count = reader.read(2)
        extents += 1 + count
        if extents > _MAX_ITEMS:
            raise IndexError("more extents than any file has")
        for _ in range(count):
            reader.read(index_width)
            first, length = start + reader.read(offset_width), reader.read(length_width)
            if method in (_IN_FILE, _IN_IDAT) and items.types.get(number) in _READ:
                items.places.setdefault(number, []).append(slice(first, first + length))


class _Numbers:
    """Numbers of several widths, one after another."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def read(self, width: int) -> int:
        if self._at + width > len(self._data):
            raise IndexError("a box ends early")
        self._at += width
        return int.from_bytes(self._data[self._at - width : self._at], "big")
