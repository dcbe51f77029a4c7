"""Bitmaps, read as browsers read them: masks, alpha, runs and profiles.

Pillow reads fewer kinds, and some of them otherwise. Sources: "Bitmap Storage" and the structures
BITMAPCOREHEADER to BITMAPV5HEADER (Microsoft); where they leave something open, Chromium 156
decides.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .bmp_runs import decode_runs
from .colour import Calibration, Declared, Profile

FILE_HEADER_BYTES = 14
_CORE, _INFO, _WITH_MASKS, _WITH_ALPHA, _OS2, _V4, _V5 = 12, 40, 52, 56, 64, 108, 124
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_OS2_RLE24 = 4
_CALIBRATED, _EMBEDDED_PROFILE = bytes(4), b"DEBM"
_INDEXED_DEPTHS, _DIRECT_DEPTHS = (1, 2, 4, 8), (16, 24, 32)
# The compressions by number of bits a pixel that belong to them.
_RUN_DEPTHS = {_RLE8: 8, _RLE4: 4, _OS2_RLE24: 24}
_FIVE_BITS = (0x7C00, 0x3E0, 0x1F)
_EIGHT_BITS = (0xFF0000, 0xFF00, 0xFF)


@dataclass(frozen=True, slots=True)
class BMPHeader:
    """The facts of a bitmap's own header; `masks` has those of red, green, blue and alpha."""

    bytes: int
    width: int
    height: int
    is_top_down: bool
    depth: int
    compression: int
    palette_colours: int
    masks: tuple[int, int, int, int] = (0, 0, 0, 0)
    # The bytes of masks between the header and the palette.
    mask_bytes: int = 0
    colours: tuple[Declared, ...] = ()


def read_header(data: bytes, at: int, *, is_icon: bool = False) -> BMPHeader:
    """Return the header at a position. Raises `DecodingError`.

    In an icon, the height covers a mask below the picture, and 32 bits a pixel include alpha.
    """
    (size,) = struct.unpack_from("<I", data.ljust(at + 4, b"\0"), at)
    known = size in (_CORE, _INFO, _WITH_MASKS, _WITH_ALPHA, _V4, _V5) or _CORE < size <= _OS2
    if not known or len(data) < at + size or (size > _CORE and size < 16):
        raise _undecodable("the header of a bitmap has an unknown length")
    if size == _CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, at + 4)
        header = BMPHeader(size, width, height, is_top_down=False, depth=depth,
                           compression=_RGB, palette_colours=0)  # fmt: skip
    else:
        header = _read_info(data, at, size, is_icon=is_icon)
    if header.depth not in (*_INDEXED_DEPTHS, *_DIRECT_DEPTHS):
        raise _undecodable("a bitmap with an unknown number of bits a pixel")
    is_packed = header.compression in (_RGB, _BITFIELDS, _ALPHA_BITFIELDS)
    has_runs = _RUN_DEPTHS.get(header.compression) == header.depth and not header.is_top_down
    if not is_packed and not has_runs:
        raise DecodingError(Reason.UNSUPPORTED, "a bitmap of an unknown compression")
    return header


def _read_info(data: bytes, at: int, size: int, *, is_icon: bool) -> BMPHeader:
    fields = data[at : at + size].ljust(_INFO, b"\0")
    width, height, _, depth, compression = struct.unpack_from("<iiHHI", fields, 4)
    (palette_colours,) = struct.unpack_from("<I", fields, 32)
    masks, mask_bytes = _read_masks(data, at, size, depth, compression)
    if is_icon and depth == 32 and not masks[3]:
        masks = (*masks[:3], 0xFF000000)
    return BMPHeader(
        size, width, abs(height) // (2 if is_icon else 1), height < 0, depth, compression,
        palette_colours, masks, mask_bytes, _read_colours(data, at, size),
    )  # fmt: skip


def _read_masks(
    data: bytes, at: int, size: int, depth: int, compression: int
) -> tuple[tuple[int, int, int, int], int]:
    """Return the masks, and the bytes that they take between the header and the palette."""
    are_inside = size in (_WITH_MASKS, _WITH_ALPHA, _V4, _V5)
    has_alpha = compression == _ALPHA_BITFIELDS or (are_inside and size != _WITH_MASKS)
    count = 4 if has_alpha else 3
    stored = struct.unpack_from(f"<{count}I", data.ljust(at + 56, b"\0"), at + _INFO)
    red, green, blue, *alpha = stored
    own_alpha = alpha[0] if alpha else 0
    if compression in (_BITFIELDS, _ALPHA_BITFIELDS):
        return (red, green, blue, own_alpha), 0 if are_inside else 4 * count
    # Without bit fields, the masks of colours in the header mean nothing, but that of alpha does.
    usual = _FIVE_BITS if depth == 16 else _EIGHT_BITS
    return (*usual, own_alpha if size in (_V4, _V5) else 0), 0


def _read_colours(data: bytes, at: int, size: int) -> tuple[Declared, ...]:
    if size < _V4:
        return ()
    kind = data[at + 56 : at + 60]
    if kind == _EMBEDDED_PROFILE and size == _V5:
        offset, length = struct.unpack_from("<II", data, at + 112)
        return (Profile(data[at + offset : at + offset + length]),)
    if kind == _CALIBRATED:
        numbers = struct.unpack_from("<9i3I", data, at + 60)
        points = [one / 2**30 for one in numbers[:9]]
        gammas = [one / 2**16 for one in numbers[9:]]
        if not all(gammas):
            return ()
        exponent = 3 / sum(gammas)
        sums = [sum(points[place : place + 3]) for place in (0, 3, 6)]
        if not all((*sums, sum(points))):
            return (Calibration(exponent),)
        white = (sum(points[0::3]) / sum(points), sum(points[1::3]) / sum(points))
        red, green, blue = ((points[3 * one] / sums[one], points[3 * one + 1] / sums[one])
                            for one in range(3))  # fmt: skip
        return (Calibration(exponent, (white, red, green, blue)),)
    return ()


def _undecodable(detail: str) -> DecodingError:
    return DecodingError(Reason.UNDECODABLE, detail)


def decode_bmp(data: bytes, limits: Limits) -> Image.Image:
    """Return the picture of a bitmap file, RGBA where it has alpha. Raises `DecodingError`.

    `info["is_truncated"]` says that the file ends early; its picture is black from there on.
    """
    header = read_header(data, FILE_HEADER_BYTES)
    (start,) = struct.unpack_from("<I", data, 10)
    if start < FILE_HEADER_BYTES + header.bytes:  # Browsers believe it, and others do not.
        raise DecodingError(Reason.UNSUPPORTED, "a bitmap whose pixels begin in its header")
    return decode_bitmap(data, FILE_HEADER_BYTES, header, limits, start)


def decode_bitmap(
    data: bytes, at: int, header: BMPHeader, limits: Limits, start: int = 0
) -> Image.Image:
    """Return the picture whose header is at a position.

    Its pixels begin at `start`, or after the palette for 0.
    `info["end"]` is where they end, 0 for pixels in runs. Raises `DecodingError`.
    """
    limits.require_size(header.width, header.height)
    palette, after = _read_palette(data, at + header.bytes + header.mask_bytes, header, start)
    start = start or after
    if header.compression in _RUN_DEPTHS:
        pixels, is_complete = _decode_run_lengths(data[start:], header, palette)
    elif header.depth in _INDEXED_DEPTHS:
        pixels, is_complete = _decode_indices(data[start:], header, palette)
    else:
        pixels, is_complete = _decode_samples(data[start:], header)
    if not header.is_top_down:
        pixels = pixels[::-1]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.format = "BMP"
    image.info["is_truncated"] = not is_complete
    has_runs = header.compression in _RUN_DEPTHS
    image.info["end"] = 0 if has_runs else start + _row_bytes(header) * header.height
    return image


def _read_palette(
    data: bytes, at: int, header: BMPHeader, start: int
) -> tuple[NDArray[np.uint8], int]:
    """Return the palette, of shape (256, 3), and the position after it."""
    palette = np.zeros((256, 3), np.uint8)
    if header.depth not in _INDEXED_DEPTHS:
        return palette, at  # Browsers take no notice of a palette that no pixel needs.
    width = 3 if header.bytes == _CORE else 4
    count = min(header.palette_colours or 2**header.depth, 2**header.depth)
    if start:  # The pixels may begin where the palette should go on.
        count = min(count, max(0, start - at) // width)
    table = np.frombuffer(data[at : at + count * width], np.uint8)
    table = table[: len(table) // width * width].reshape(-1, width)
    palette[: len(table)] = table[:, 2::-1]
    return palette, at + count * width


def _row_bytes(header: BMPHeader) -> int:
    return (header.width * header.depth + 31) // 32 * 4


def _packed_rows(data: bytes, header: BMPHeader) -> tuple[NDArray[np.uint8], bool]:
    """Return the rows, each padded to four bytes, with zeros for those that are missing."""
    row_bytes = _row_bytes(header)
    size = row_bytes * header.height
    # The padding of the last row is often missing.
    is_complete = len(data) >= size - row_bytes + (header.width * header.depth + 7) // 8
    if not is_complete:  # A part of a row shows nothing.
        data = data[: len(data) // row_bytes * row_bytes]
    rows = np.frombuffer(data[:size].ljust(size, b"\0"), np.uint8)
    return rows.reshape(header.height, row_bytes), is_complete


def _decode_indices(
    data: bytes, header: BMPHeader, palette: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], bool]:
    rows, is_complete = _packed_rows(data, header)
    if header.depth < 8:
        bits = np.unpackbits(rows, axis=1).reshape(header.height, -1, header.depth)
        weights = 1 << np.arange(header.depth)[::-1]
        rows = (bits * weights.astype(np.uint8)).sum(axis=2, dtype=np.uint8)
    return palette[rows[:, : header.width]], is_complete


def _decode_samples(data: bytes, header: BMPHeader) -> tuple[NDArray[np.uint8], bool]:
    rows, is_complete = _packed_rows(data, header)
    if header.depth == 24:
        return rows[:, : 3 * header.width].reshape(header.height, -1, 3)[..., ::-1], is_complete
    kind = "<u2" if header.depth == 16 else "<u4"
    numbers = rows.view(kind)[:, : header.width].astype(np.uint32)
    channels = [_channel(numbers, mask) for mask in header.masks[:3]]
    if header.masks[3]:
        channels.append(_channel(numbers, header.masks[3]))
    return np.stack(channels, axis=-1), is_complete


def _channel(numbers: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """Return the samples under a mask in eight bits."""
    if not mask:
        return np.zeros(numbers.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    samples = (numbers & np.uint32(mask)) >> np.uint32(shift)
    largest = mask >> shift
    if largest > 255:
        return (samples >> np.uint32(largest.bit_length() - 8)).astype(np.uint8)
    return ((samples * 255 + largest // 2) // largest).astype(np.uint8)


def _decode_run_lengths(
    data: bytes, header: BMPHeader, palette: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], bool]:
    """Return RGBA pixels, of which those that no run covers are transparent."""
    pixels, is_covered, is_complete = decode_runs(data, header.width, header.height, header.depth)
    colours = palette[pixels] if header.depth <= 8 else pixels[..., ::-1]
    opacity = np.where(is_covered, 255, 0).astype(np.uint8)
    if is_covered.all():
        return colours, is_complete
    return np.concatenate([colours, opacity[..., None]], axis=-1), is_complete
