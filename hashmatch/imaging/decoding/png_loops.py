"""Compiled loops that undo the filters of PNG; import this module lazily, since it loads numba."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from hashmatch.jit import compiled

Pixels: TypeAlias = NDArray[np.uint8]

_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
_RGB, _RGBA = 3, 4
_SIGNATURE = (
    "boolean(Array(uint8, 2, 'C', readonly=True), Array(uint8, 1, 'C'), int64, uint8[:, ::1])"
)


@register_jitable
def _predict(left: Any, up: Any, corner: Any) -> Any:
    """Return the neighbour nearest to left + up - corner.

    This is Paeth's predictor without branches, as in stb_image by Sean Barrett and Fabian Giesen.
    With the branches of the standard, which nobody can foresee, a picture took twice as long.
    """
    lowest, highest = min(left, up), max(left, up)
    threshold = np.int32(np.int32(3) * corner - (left + up))
    nearest = lowest if highest <= threshold else corner
    return highest if threshold <= lowest else nearest


@register_jitable
def _undo_paeth(line: Pixels, above: Pixels, depth: int, row: Pixels) -> None:
    for x in range(depth):
        row[x] = line[x] + above[x]
    for x in range(depth, len(row)):
        left, up, corner = row[x - depth], above[x], above[x - depth]
        row[x] = line[x] + _predict(np.int32(left), np.int32(up), np.int32(corner))


# The neighbours stay in registers, which the loop above for pixels of any depth does not manage: it
# took 1.4 times as long.
@register_jitable
def _undo_paeth_rgb(line: Pixels, above: Pixels, row: Pixels) -> None:
    red = green = blue = corner_red = corner_green = corner_blue = np.int32(0)
    for x in range(0, len(row) - 2, 3):
        up_red, up_green, up_blue = (
            np.int32(above[x]), np.int32(above[x + 1]), np.int32(above[x + 2])
        )  # fmt: skip
        red = np.int32(np.uint8(line[x] + _predict(red, up_red, corner_red)))
        green = np.int32(np.uint8(line[x + 1] + _predict(green, up_green, corner_green)))
        blue = np.int32(np.uint8(line[x + 2] + _predict(blue, up_blue, corner_blue)))
        row[x], row[x + 1], row[x + 2] = red, green, blue
        corner_red, corner_green, corner_blue = up_red, up_green, up_blue


@register_jitable
def _undo_paeth_rgba(line: Pixels, above: Pixels, row: Pixels) -> None:
    red = green = blue = alpha = np.int32(0)
    corner_red = corner_green = corner_blue = corner_alpha = np.int32(0)
    for x in range(0, len(row) - 3, 4):
        up_red, up_green, up_blue, up_alpha = (
            np.int32(above[x]), np.int32(above[x + 1]),
            np.int32(above[x + 2]), np.int32(above[x + 3]),
        )  # fmt: skip
        red = np.int32(np.uint8(line[x] + _predict(red, up_red, corner_red)))
        green = np.int32(np.uint8(line[x + 1] + _predict(green, up_green, corner_green)))
        blue = np.int32(np.uint8(line[x + 2] + _predict(blue, up_blue, corner_blue)))
        alpha = np.int32(np.uint8(line[x + 3] + _predict(alpha, up_alpha, corner_alpha)))
        row[x], row[x + 1], row[x + 2], row[x + 3] = red, green, blue, alpha
        corner_red, corner_green, corner_blue, corner_alpha = up_red, up_green, up_blue, up_alpha


@compiled(_SIGNATURE)
def undo_filters(lines: Pixels, above: Pixels, depth: int, rows: Pixels) -> bool:
    """Fill `rows` from filtered lines (PNG, third edition, section 9); false for a filter unknown.

    `lines` has the shape (number, 1 + bytes of a row), the kind of its filter before each; `rows`
    (number, bytes of a row). `above` is the row before, zeros for none; `depth` the bytes a pixel.
    """
    for number in range(len(rows)):
        kind, line, row = lines[number, 0], lines[number, 1:], rows[number]
        if kind == _NONE:
            row[:] = line
        elif kind == _SUB:
            row[:depth] = line[:depth]
            for x in range(depth, len(row)):
                row[x] = line[x] + row[x - depth]
        elif kind == _UP:
            for x in range(len(row)):
                row[x] = line[x] + above[x]
        elif kind == _AVERAGE:
            for x in range(depth):
                row[x] = line[x] + (above[x] >> 1)
            for x in range(depth, len(row)):
                row[x] = line[x] + ((np.int32(row[x - depth]) + np.int32(above[x])) >> 1)
        elif kind != _PAETH:
            return False
        elif depth == _RGB:
            _undo_paeth_rgb(line, above, row)
        elif depth == _RGBA:
            _undo_paeth_rgba(line, above, row)
        else:
            _undo_paeth(line, above, depth, row)
        above = row
    return True
