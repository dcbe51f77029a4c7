"""Metadata items of AVIF and HEIC files in the places that a file may keep them."""

from __future__ import annotations

import struct

from .carriers import encoded

Box = tuple[bytes, bytes]


def boxes(data: bytes) -> list[Box]:
    """Return the boxes in the data as pairs of type and content; all sizes must be plain."""
    at, found = 0, []
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box with its size."""
    return struct.pack(">I", len(content) + 8) + kind + content


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def item_places(content: bytes) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Return the items of an `iloc` box: number, construction method, extents."""
    version, sizes = content[0], struct.unpack_from(">H", content, 4)[0]
    offset_size, length_size = sizes >> 12, sizes >> 8 & 15
    base_size, index_size = sizes >> 4 & 15, sizes & 15 if version else 0
    width = 4 if version == 2 else 2
    count, at = _number(content, 6, width), 6 + width
    items = []
    for _ in range(count):
        number, method = _number(content, at, width), 0
        at += width
        if version:
            method = _number(content, at, 2) & 15
            at += 2
        base = _number(content, at + 2, base_size)
        extents = _number(content, at + 2 + base_size, 2)
        at += 4 + base_size
        places = []
        for _ in range(extents):
            at += index_size
            offset = base + _number(content, at, offset_size)
            places.append((offset, _number(content, at + offset_size, length_size)))
            at += offset_size + length_size
        items.append((number, method, places))
    return items


def _places_box(items: list[tuple[int, int, list[tuple[int, int]]]]) -> bytes:
    content = b"\x01\0\0\0\x44\x00" + struct.pack(">H", len(items))
    for number, method, places in items:
        content += struct.pack(">HHHH", number, method, 0, len(places))
        content += b"".join(struct.pack(">II", *place) for place in places)
    return box(b"iloc", content)


def _with_entry(content: bytes, entry: bytes) -> bytes:
    width = 2 if content[0] == 0 else 4
    count = _number(content, 4, width) + 1
    return box(b"iinf", content[:4] + count.to_bytes(width, "big") + content[4 + width :] + entry)


def bmff_with_item(kind: str, content: bytes, place: str = "end") -> bytes:
    """Return an AVIF or HEIC file with an XMP item.

    The place is "end" for a box after the pixels, "extents" for two pieces in it, the second
    first, and "idat" for a box within the `meta` box.
    """
    plain = boxes(encoded(kind))
    meta = boxes(dict(plain)[b"meta"][4:])
    old = item_places(dict(meta)[b"iloc"])
    number = max(item for item, _, _ in old) + 1
    header = struct.pack(">HH", number, 0) + b"mime\0application/rdf+xml\0"
    entry = box(b"infe", b"\x02\0\0\0" + header)
    half = len(content) // 2
    payload = content[half:] + b"....." + content[:half] if place == "extents" else content
    sizes = [8 + len(inner) for _, inner in plain]
    at = 0
    for index, (name, _) in enumerate(plain):
        if name == b"meta":
            position = index
    shift, end, written = 0, sum(sizes) + 8, b""
    for _ in range(2):
        match place:
            case "extents":
                first = at or end
                new = (number, 0, [(first + len(content) - half + 5, half),
                                   (first, len(content) - half)])  # fmt: skip
            case "idat":
                new = (number, 1, [(0, len(content))])
            case _:
                new = (number, 0, [(at or end, len(content))])
        moved = [
            (item, method, [(o + (shift if method == 0 else 0), size) for o, size in places])
            for item, method, places in old
        ]
        inner = b""
        for name, part in meta:
            if name == b"iloc":
                inner += _places_box([*moved, new])
            elif name == b"iinf":
                inner += _with_entry(part, entry)
            else:
                inner += box(name, part)
        primary = _number(dict(meta)[b"pitm"], 4, 2)
        link = box(b"cdsc", struct.pack(">HHH", number, 1, primary))
        inner += box(b"iref", b"\0\0\0\0" + link)
        if place == "idat":
            inner += box(b"idat", payload)
        written = box(b"meta", b"\0\0\0\0" + inner)
        shift = len(written) - sizes[position]
        at = end + shift
    parts = [written if name == b"meta" else box(name, part) for name, part in plain]
    return b"".join(parts) + (b"" if place == "idat" else box(b"mdat", payload))
