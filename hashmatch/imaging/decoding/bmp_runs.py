"""Run lengths of bitmaps ("Bitmap Compression", Microsoft; 24 bits by OS/2 2.x)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_END_OF_LINE, _END, _MOVE = 0, 1, 2


def decode_runs(
    data: bytes, width: int, height: int, depth: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], bool]:
    """Return the pixels, which of them a run covers, and whether the runs come to an end.

    `depth` is 4, 8 or 24 bits a pixel. Pixels are of shape (height, width), for 24 bits (…, 3), in
    the order of the file: from the lowest row up.
    """
    pixel_bytes = 3 if depth == 24 else 1
    pixels = bytearray(width * height * pixel_bytes)
    covered = bytearray(width * height)
    x = y = at = 0
    is_complete = False
    while at + 2 <= len(data) and y < height:
        count, code = data[at], data[at + 1]
        at += 2
        if count:
            if depth == 24:
                run, at = data[at - 1 : at + 2] * count, at + 2
            elif depth == 4:
                run = (bytes((code >> 4, code & 15)) * 128)[:count]
            else:
                run = bytes((code,)) * count
            x = _put(pixels, covered, run, x, y, width, pixel_bytes)
        elif code == _END_OF_LINE:
            x, y = 0, y + 1
        elif code == _END:
            is_complete = True
            break
        elif code == _MOVE:
            if at + 2 > len(data):
                break
            x, y = x + data[at], y + data[at + 1]
            at += 2
        else:  # That many pixels as they are, padded to an even number of bytes.
            length = (code + 1) // 2 if depth == 4 else code * pixel_bytes
            run = data[at : at + length]
            at += length + length % 2
            if depth == 4:
                run = bytes(half for one in run for half in (one >> 4, one & 15))[:code]
            x = _put(pixels, covered, run, x, y, width, pixel_bytes)
    shape = (height, width, 3) if depth == 24 else (height, width)
    is_covered = np.frombuffer(bytes(covered), np.uint8).reshape(height, width) > 0
    # Many files lack the end mark after the last row.
    return (
        np.frombuffer(bytes(pixels), np.uint8).reshape(shape),
        is_covered,
        is_complete or y >= height or bool(is_covered.all()),
    )


def _put(
    pixels: bytearray, covered: bytearray, run: bytes, x: int, y: int, width: int, size: int
) -> int:
    """Write a run into a row, without what would go beyond it; return the column after it."""
    count = min(len(run) // size, max(0, width - x))
    start = y * width + x
    pixels[start * size : (start + count) * size] = run[: count * size]
    covered[start : start + count] = b"\1" * count
    return x + count
