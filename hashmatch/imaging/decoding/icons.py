"""Icons and cursors (ICO and CUR files, Microsoft): several sizes of a picture in one file.

Cursors differ from icons in two fields alone, which say where the cursor points.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..limits import Limits
from .bmp import decode_bitmap, read_header
from .png import outline_png

_HEADER_BYTES, _ENTRY_BYTES = 6, 16
_PNG = b"\x89PNG"


@dataclass(frozen=True, slots=True)
class IconEntry:
    """One picture of an icon: its own width and height, and its bytes."""

    width: int
    height: int
    depth: int
    data: bytes


def read_entries(data: bytes) -> Sequence[IconEntry]:
    """Return the pictures, the largest first, of which viewers show the first.

    The directory has one byte for each side and may contradict the pictures' own headers, which
    count. Raises `struct.error` where the directory ends early.
    """
    (count,) = struct.unpack_from("<H", data, 4)
    entries = []
    for at in range(_HEADER_BYTES, _HEADER_BYTES + count * _ENTRY_BYTES, _ENTRY_BYTES):
        length, start = struct.unpack_from("<II", data, at + 8)
        entry = data[start : start + length]
        if entry.startswith(_PNG):
            width, height = struct.unpack_from(">II", entry.ljust(24, b"\0"), 16)
            entries.append(IconEntry(width, height, 32, entry))
        elif len(entry) >= 16:
            width, height, _, depth = struct.unpack_from("<iiHH", entry, 4)
            # The height covers the mask below the picture; it is negative top down.
            entries.append(IconEntry(abs(width), abs(height) // 2, depth, entry))
    return sorted(entries, key=lambda one: (one.width * one.height, one.depth), reverse=True)


def decode_entry(entry: IconEntry, limits: Limits) -> Image.Image:
    """Return the picture of an entry. Raises `DecodingError` and any error of Pillow."""
    if entry.data.startswith(_PNG):
        pixels = outline_png(entry.data, limits).pixels
        return Image.open(io.BytesIO(pixels), formats=["PNG"])
    header = read_header(entry.data, 0, is_icon=True)
    image = decode_bitmap(entry.data, 0, header, limits)
    if image.info["is_truncated"]:
        raise EOFError("the rows of an icon are missing")
    if header.depth == 32 and image.mode == "RGBA" and image.getchannel("A").getextrema()[1]:
        return image
    opacity = _read_mask(entry.data, image.size)
    if opacity is not None:
        image = image.convert("RGB")
        image.putalpha(opacity)
    return image


def _read_mask(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """Return the opacity that the mask at the end of an entry gives; None for an incomplete one."""
    width, height = size
    row_bytes = (width + 31) // 32 * 4
    mask = np.frombuffer(data[-row_bytes * height :], np.uint8)
    if len(mask) < row_bytes * height:
        return None
    bits = np.unpackbits(mask.reshape(height, row_bytes), axis=1)[::-1, :width]
    return Image.fromarray(np.where(bits, 0, 255).astype(np.uint8))
