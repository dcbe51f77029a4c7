"""Detection of letterbox and pillarbox borders, and of the inner picture.

A border is nearly uniform, but a faint picture is, too: whether a border holds anything is judged
apart, by its contrast alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# The largest difference of a border pixel from the border's colour, of 255: strong JPEG compression
# shifts the pixels of a plain area next to a picture by about this much.
_TOLERANCE = 20
# Thinner borders hardly change a hash, and a smaller inner picture shows too little to compare.
_MIN_BORDER_SHARE = 0.01
_MIN_INNER_SHARE = 0.1
_MIN_INNER_SIDE = 16
# Lines are read in bands from the edge inwards: most borders end within the first band.
_LINES_PER_BAND = 64

# The compression of the inner picture spills over by this many pixels at most: a block of colours.
_SPILL = 16
# A border is averaged over cells of at least this side, in which grain and dithering vanish, and
# cells that differ by less, of 255, hold nothing.
_MIN_CELL = 8
_CELLS = 64
_MIN_RANGE = 4

Box = tuple[int, int, int, int]


def find_inner(picture: Image.Image) -> Box | None:
    """Return (left, top, right, bottom) of the picture inside uniform borders; None without any.

    Each side's border may have its own colour. `picture` is of mode L or RGB.
    """
    top, bottom = _margins(picture, 0, picture.width, 0, picture.height, rows=True)
    if top + bottom >= picture.height:
        return None  # The picture is a single plain area.
    left, right = _margins(picture, 0, picture.width, top, picture.height - bottom, rows=False)
    box = (left, top, picture.width - right, picture.height - bottom)
    return box if _is_worth_cropping(picture, box) else None


def is_border_empty(picture: Image.Image, inner: Box) -> bool:
    """Say whether the borders around an inner picture hold nothing, however bright one makes it."""
    left, top, right, bottom = inner
    width, height = picture.size
    strips = (
        (0, 0, width, top - _SPILL),
        (0, bottom + _SPILL, width, height),
        (0, top, left - _SPILL, bottom),
        (right + _SPILL, top, width, bottom),
    )
    return all(
        _is_empty(picture, strip) for strip in strips if strip[2] > strip[0] and strip[3] > strip[1]
    )


def _is_empty(picture: Image.Image, strip: Box) -> bool:
    cell = max(_MIN_CELL, max(picture.size) // _CELLS)
    grey = picture.crop(strip).convert("L")
    # A strip that is thinner than a cell is averaged along its length alone.
    cells: Any = grey.reduce((min(cell, grey.width), min(cell, grey.height))).getextrema()
    return bool(cells[1] - cells[0] < _MIN_RANGE)


def _is_worth_cropping(picture: Image.Image, box: Box) -> bool:
    inside = (box[2] - box[0], box[3] - box[1])
    cuts = (box[0], box[1], picture.width - box[2], picture.height - box[3])
    shares = (cut / side for cut, side in zip(cuts, picture.size * 2, strict=True))
    is_large_enough = all(
        part >= max(_MIN_INNER_SIDE, side * _MIN_INNER_SHARE)
        for part, side in zip(inside, picture.size, strict=True)
    )
    return is_large_enough and max(shares) >= _MIN_BORDER_SHARE


def _margins(
    picture: Image.Image, left: int, right: int, top: int, bottom: int, *, rows: bool
) -> tuple[int, int]:
    """Return the number of border lines at either end of an area."""
    area = (left, top, right, bottom)
    length = bottom - top if rows else right - left
    near_edge = _margin(picture, area, rows=rows, backwards=False)
    if near_edge >= length:
        return length, 0
    return near_edge, _margin(picture, area, rows=rows, backwards=True)


def _margin(picture: Image.Image, area: Box, *, rows: bool, backwards: bool) -> int:
    """Return the number of border lines from one edge inwards."""
    left, top, right, bottom = area
    if rows:
        line = (left, bottom - 1, right, bottom) if backwards else (left, top, right, top + 1)
    else:
        line = (right - 1, top, right, bottom) if backwards else (left, top, left + 1, bottom)
    # Most pictures have no border, and the outermost line is enough to tell.
    extrema: Any = picture.crop(line).getextrema()
    ranges = [extrema] if picture.mode == "L" else extrema
    if any(high - low > 2 * _TOLERANCE for low, high in ranges):
        return 0
    return _count_border_lines(_bands(picture, area, rows=rows, backwards=backwards))


def _bands(
    picture: Image.Image, area: Box, *, rows: bool, backwards: bool
) -> Iterator[NDArray[np.uint8]]:
    """Yield the lines of an area, of shape (lines, pixels, …), from one edge inwards."""
    left, top, right, bottom = area
    length = bottom - top if rows else right - left
    for at in range(0, length, _LINES_PER_BAND):
        size = min(_LINES_PER_BAND, length - at)
        first = length - at - size if backwards else at
        box = (
            (left, top + first, right, top + first + size)
            if rows
            else (left + first, top, left + first + size, bottom)
        )
        lines = np.asarray(picture.crop(box))
        if not rows:
            lines = lines.swapaxes(0, 1)
        yield lines[::-1] if backwards else lines


def _count_border_lines(bands: Iterator[NDArray[np.uint8]]) -> int:
    """Return the number of leading lines that have the first line's colour."""
    count, colour = 0, None
    for lines in bands:
        if colour is None:
            # A median is robust against single pixels that compression has changed.
            colour = np.median(lines[0], axis=0)
        far = np.abs(lines - colour).reshape(len(lines), -1).max(axis=1) > _TOLERANCE
        if far.any():
            return count + int(far.argmax())
        count += len(lines)
    return count
