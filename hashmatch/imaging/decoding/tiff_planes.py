"""Planes of a TIFF file that stores each channel by itself (TIFF 6.0, planar configuration 2).

Pillow mistakes the numbers of such a file where they have more than eight bits. As a picture of one
channel it reads each plane rightly, whatever its compression.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 258, 259, 262, 277, 284
_WIDTH, _HEIGHT, _ORIENTATION, _PREDICTOR = 256, 257, 274, 317
_STRIPS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
# The numbers that each plane has in common with the picture; Pillow turns each by its orientation.
_COPIED = (
    _WIDTH,
    _HEIGHT,
    _COMPRESSION,
    _ORIENTATION,
    _STRIP_ROWS,
    _PREDICTOR,
    _TILE_WIDTH,
    _TILE_HEIGHT,
)
_SEPARATE, _IS_BLACK, _RGB = 2, 1, 2
_LONG = 4


def has_deep_planes(tags: Mapping[int, Any]) -> bool:
    """Say whether Pillow would mistake the numbers of a page with these tags."""
    is_separate = tags.get(_PLANAR) == _SEPARATE and tags.get(_SAMPLES, 1) > 1
    return bool(is_separate and max(tags.get(_BITS, (1,))) > 8)


def decode_planes(data: bytes, tags: Mapping[int, Any]) -> Image.Image:
    """Return the picture of a page of RGB planes in eight bits a channel, perhaps with alpha.

    Raises `ValueError` for other kinds of planes, and any error of Pillow.
    """
    samples = tags[_SAMPLES]
    if tags.get(_PHOTOMETRIC) != _RGB or set(tags[_BITS]) != {16} or samples not in (3, 4):
        raise ValueError("planes of another kind than RGB in 16 bits")
    planes = []
    for number in range(samples):
        with Image.open(io.BytesIO(_plane_as_file(data, tags, number)), formats=["TIFF"]) as one:
            planes.append((np.asarray(one) >> 8).astype(np.uint8))
    image = Image.fromarray(np.stack(planes, axis=-1))
    image.format = "TIFF"
    return image


def _plane_as_file(data: bytes, tags: Mapping[int, Any], number: int) -> bytes:
    """Return one plane as a TIFF file of its own."""
    places, lengths = (_TILES, _TILE_BYTES) if _TILES in tags else (_STRIPS, _STRIP_BYTES)
    count = len(tags[places]) // tags[_SAMPLES]
    chosen = slice(number * count, (number + 1) * count)
    parts = [
        data[start : start + length]
        for start, length in zip(tags[places][chosen], tags[lengths][chosen], strict=True)
    ]
    starts = [8 + sum(map(len, parts[:place])) for place in range(count)]
    entries: dict[int, Sequence[int]] = {tag: (tags[tag],) for tag in _COPIED if tag in tags}
    entries |= {_BITS: (16,), _PHOTOMETRIC: (_IS_BLACK,), _SAMPLES: (1,)}
    entries |= {places: starts, lengths: [len(one) for one in parts]}
    order = "<" if data.startswith(b"II") else ">"
    body = b"".join(parts)
    return _assemble(order, body, entries)


def _assemble(order: str, body: bytes, entries: Mapping[int, Sequence[int]]) -> bytes:
    at = 8 + len(body)
    directory = struct.pack(f"{order}H", len(entries))
    behind, behind_at = b"", at + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        place = packed
        if len(values) > 1:
            place = struct.pack(f"{order}I", behind_at + len(behind))
            behind += packed
        directory += struct.pack(f"{order}HHI", tag, _LONG, len(values)) + place
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", at) + body + directory + bytes(4) + behind
