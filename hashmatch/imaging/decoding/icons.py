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

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .bmp import decode_bitmap, read_header
from .outline import Outline
from .png import outline_png
from .png_colours import apply_key

_HEADER_BYTES, _ENTRY_BYTES = 6, 16
# The bytes of a picture that say how large it is.
_HEAD_BYTES = 24
_PNG = b"\x89PNG"


@dataclass(frozen=True, slots=True)
class IconEntry:
    """One picture of an icon: its own width and height, and the place where it begins."""

    width: int
    height: int
    depth: int
    start: int


def read_entries(data: bytes) -> Sequence[IconEntry]:
    """Return the pictures, the largest first, of which viewers show the first.

    The directory has one byte for each side and may contradict the pictures' own headers, which
    count. Browsers take no notice of the lengths that it gives, either. Raises `struct.error` where
    the directory ends early.
    """
    (count,) = struct.unpack_from("<H", data, 4)
    entries = []
    for at in range(_HEADER_BYTES, _HEADER_BYTES + count * _ENTRY_BYTES, _ENTRY_BYTES):
        (start,) = struct.unpack_from("<I", data, at + 12)
        head = data[start : start + _HEAD_BYTES]
        if head.startswith(_PNG):
            width, height = struct.unpack_from(">II", head.ljust(_HEAD_BYTES, b"\0"), 16)
            entries.append(IconEntry(width, height, 32, start))
        elif len(head) >= 16:
            width, height, _, depth = struct.unpack_from("<iiHH", head, 4)
            # The height covers the mask below the picture; it is negative top down.
            entries.append(IconEntry(abs(width), abs(height) // 2, depth, start))
    return sorted(entries, key=lambda one: (one.width * one.height, one.depth), reverse=True)


def outline_entry(data: bytes, entry: IconEntry, limits: Limits) -> Outline:
    """Return the outline of a picture of an icon. Raises `DecodingError`."""
    data = data[entry.start :]
    if data.startswith(_PNG):
        return outline_png(data, limits)
    return Outline(data, colours=read_header(data, 0, is_icon=True).colours)


def decode_entry(outline: Outline, limits: Limits) -> Image.Image:
    """Return a picture of an icon by its outline. Raises `DecodingError` and errors of Pillow."""
    data = outline.pixels
    if data.startswith(_PNG):
        return apply_key(Image.open(io.BytesIO(data), formats=["PNG"]), data)
    header = read_header(data, 0, is_icon=True)
    image = decode_bitmap(data, 0, header, limits)
    if image.info["is_truncated"]:
        raise EOFError("the rows of an icon are missing")
    if header.depth == 32 and image.mode == "RGBA" and image.getchannel("A").getextrema()[1]:
        return image
    if not (end := image.info["end"]):
        raise DecodingError(Reason.UNSUPPORTED, "an icon whose pixels are stored in runs")
    image = image.convert("RGB")
    image.putalpha(_read_mask(data[end:], image.size))
    return image


def _read_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    """Return the opacity that the mask behind the pixels gives; rows that it lacks are opaque."""
    width, height = size
    row_bytes = (width + 31) // 32 * 4
    rows = min(height, len(data) // row_bytes)
    mask = np.zeros((height, row_bytes), np.uint8)
    mask[:rows] = np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    bits = np.unpackbits(mask, axis=1)[::-1, :width]
    return Image.fromarray(np.where(bits, 0, 255).astype(np.uint8))
