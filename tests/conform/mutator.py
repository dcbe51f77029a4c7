"""Mutator: changes the headers and chunks of a file, and leaves the rest as it was."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

_MAX_CHANGES = 3
# Pieces are changed mostly near their beginnings, where the fields are.
_FIELD_BYTES = 40
_VALUES = (0, 1, 2, 3, 4, 8, 16, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class _Structure:
    """How a format is taken apart into pieces and put together again, lengths made good."""

    split: Callable[[bytes], list[bytes]]
    join: Callable[[list[bytes]], bytes]
    # What stands in the place of a piece that is taken out.
    blank: Callable[[bytes], bytes] = lambda piece: b""


def mutate(data: bytes, other: bytes, name: str, random: Random) -> bytes:
    """Return a file with some pieces changed, moved, removed, or taken from another file."""
    structure = _STRUCTURES.get(name, _ELSE)
    pieces, others = structure.split(data), structure.split(other)
    for _ in range(random.randint(1, _MAX_CHANGES)):
        _change(pieces, others, structure, random)
    return structure.join(pieces)


def _change(
    pieces: list[bytes], others: list[bytes], structure: _Structure, random: Random
) -> None:
    at = random.randrange(len(pieces))
    match random.randrange(10):
        case 0:
            pieces[at] = structure.blank(pieces[at])
        case 1:
            pieces.insert(random.randrange(len(pieces) + 1), pieces[at])
        case 2:
            pieces.insert(random.randrange(len(pieces) + 1), pieces.pop(at))
        case 3:
            pieces.insert(random.randrange(len(pieces) + 1), random.choice(others))
        case 4:
            cut = random.randrange(len(pieces[at]) + 1)
            pieces[at] = pieces[at][:cut]
        case _:
            pieces[at] = _with_other_bytes(pieces[at], random)


def _with_other_bytes(piece: bytes, random: Random) -> bytes:
    if not piece:
        return piece
    reach = len(piece) if random.random() < 0.2 else min(len(piece), _FIELD_BYTES)
    at, length = random.randrange(reach), random.choice((1, 1, 2, 4))
    before = int.from_bytes(piece[at : at + length], "little")
    value: int = random.choice(
        (random.choice(_VALUES), before + 1, before - 1, before ^ (1 << random.randrange(8)),
         random.getrandbits(32))
    )  # fmt: skip
    value %= 256**length
    changed = value.to_bytes(length, "little" if random.random() < 0.5 else "big")
    return piece[:at] + changed + piece[at + length :]


# A piece of a PNG file is its signature, or the type and the data of a chunk.
def _split_png(data: bytes) -> list[bytes]:
    pieces, at = [data[:8]], 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        pieces.append(data[at + 4 : at + 8 + length])
        at += 12 + length
    return pieces


def _join_png(pieces: list[bytes]) -> bytes:
    signature, *chunks = pieces
    return signature + b"".join(
        struct.pack(">I", max(0, len(one) - 4)) + one + struct.pack(">I", zlib.crc32(one))
        for one in chunks
    )


# A piece of a JPEG file is a marker's second byte and its parameters; or a scan, after a zero.
def _split_jpeg(data: bytes) -> list[bytes]:
    pieces, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        pieces.append(data[at + 1 : at + 2] + data[at + 4 : at + 2 + length])
        at += 2 + length
        if pieces[-1][0] == 0xDA:
            end = at
            while end + 1 < len(data) and not (
                data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))
            ):
                end += 1
            pieces.append(b"\0" + data[at:end])
            at = end
    return pieces


def _join_jpeg(pieces: list[bytes]) -> bytes:
    parts = [b"\xff\xd8"]
    for one in pieces:
        if one[:1] == b"\0" or not one:
            parts.append(one[1:])
        else:
            length = struct.pack(">H", (len(one) + 1) % 65536)
            parts.append(b"\xff" + one[:1] + length + one[1:])
    return b"".join(parts) + b"\xff\xd9"


# A piece of a GIF file is its head with the colours, an extension, or an image.
def _split_gif(data: bytes) -> list[bytes]:
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    pieces = [data[:at]]
    while at < len(data) and data[at] in b"\x21\x2c":
        start = at
        if data[at] == 0x21:
            at += 2
        else:
            flags = data[at + 9]
            at += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        pieces.append(data[start:at])
    return [*pieces, data[at:]]


# A piece of a WebP file is the type and the data of a chunk.
def _split_riff(data: bytes) -> list[bytes]:
    pieces, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        pieces.append(data[at : at + 4] + data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return pieces


def _join_riff(pieces: list[bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        one[:4] + struct.pack("<I", max(0, len(one) - 4)) + one[4:] + b"\0" * (len(one) % 2)
        for one in pieces
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


_CONTAINERS = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"moov": 8, b"trak": 8, b"mdia": 8,
               b"minf": 8, b"stbl": 8, b"iinf": 14, b"iref": 12}  # fmt: skip


# A piece of an AVIF or HEIF file is a box that holds no others, or the head of one that does.
def _split_boxes(data: bytes) -> list[bytes]:
    pieces, at = [], 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        length = _CONTAINERS.get(data[at + 4 : at + 8], length if length >= 8 else len(data) - at)
        pieces.append(data[at : at + length])
        at += length
    return [*pieces, data[at:]]


def _blank_box(piece: bytes) -> bytes:
    # The offsets of what comes later stay right.
    return piece[:4] + b"free" + piece[8:]


def _head_of(length: int) -> Callable[[bytes], list[bytes]]:
    def split(data: bytes) -> list[bytes]:
        return [data[:length], data[length:]]

    return split


def _join(pieces: list[bytes]) -> bytes:
    return b"".join(pieces)


_STRUCTURES = {
    "PNG": _Structure(_split_png, _join_png),
    "JPEG": _Structure(_split_jpeg, _join_jpeg),
    "GIF": _Structure(_split_gif, _join),
    "WEBP": _Structure(_split_riff, _join_riff),
    "AVIF": _Structure(_split_boxes, _join, _blank_box),
    "HEIF": _Structure(_split_boxes, _join, _blank_box),
    "BMP": _Structure(_head_of(138), _join),
    "ICO": _Structure(_head_of(62), _join),
    "JXL": _Structure(_head_of(24), _join),
}
_ELSE = _Structure(_head_of(128), _join)
