"""Letterbox and pillarbox borders: where the picture inside them is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# How far a pixel of a border may be from the border's colour, of 255: what strong JPEG compression
# does to a plain area beside a picture.
_TOLERANCE = 20
# Thinner borders move no hash by much; a smaller picture inside shows too little.
_THINNEST_SHARE = 0.01
_SMALLEST_SHARE = 0.1
_SMALLEST_SIDE = 16
# Lines are looked at so many at a time, from the edge inwards.
_LINES_AT_A_TIME = 64

Box = tuple[int, int, int, int]


def find_inner(picture: Image.Image) -> Box | None:
    """Return (left, top, right, bottom) of the picture inside uniform borders; None without any.

    Each side's border has a colour of its own. Pictures are of mode L or RGB.
    """
    top, bottom = _margins(picture, 0, picture.width, 0, picture.height, rows=True)
    if top + bottom >= picture.height:
        return None  # Nothing but border.
    left, right = _margins(picture, 0, picture.width, top, picture.height - bottom, rows=False)
    box = (left, top, picture.width - right, picture.height - bottom)
    return box if _is_worth_it(picture, box) else None


def _is_worth_it(picture: Image.Image, box: Box) -> bool:
    inside = (box[2] - box[0], box[3] - box[1])
    cuts = (box[0], box[1], picture.width - box[2], picture.height - box[3])
    shares = (cut / side for cut, side in zip(cuts, picture.size * 2, strict=True))
    enough = all(
        part >= max(_SMALLEST_SIDE, side * _SMALLEST_SHARE)
        for part, side in zip(inside, picture.size, strict=True)
    )
    return enough and max(shares) >= _THINNEST_SHARE


def _margins(
    picture: Image.Image, left: int, right: int, top: int, bottom: int, *, rows: bool
) -> tuple[int, int]:
    """Return how many lines at either end of an area belong to a border."""
    area = (left, top, right, bottom)
    length = bottom - top if rows else right - left
    ahead = _margin(picture, area, rows=rows, backwards=False)
    if ahead >= length:
        return length, 0
    return ahead, _margin(picture, area, rows=rows, backwards=True)


def _margin(picture: Image.Image, area: Box, *, rows: bool, backwards: bool) -> int:
    """Return how many lines from one edge inwards belong to a border."""
    left, top, right, bottom = area
    if rows:
        line = (left, bottom - 1, right, bottom) if backwards else (left, top, right, top + 1)
    else:
        line = (right - 1, top, right, bottom) if backwards else (left, top, left + 1, bottom)
    # Most pictures have no border, and the outermost line is enough to see that.
    extrema: Any = picture.crop(line).getextrema()
    ranges = [extrema] if picture.mode == "L" else extrema
    if any(high - low > 2 * _TOLERANCE for low, high in ranges):
        return 0
    return _count(_bands(picture, area, rows=rows, backwards=backwards))


def _bands(
    picture: Image.Image, area: Box, *, rows: bool, backwards: bool
) -> Iterator[NDArray[np.uint8]]:
    """Yield the lines of an area, of shape (lines, pixels, …), from one edge inwards."""
    left, top, right, bottom = area
    length = bottom - top if rows else right - left
    for at in range(0, length, _LINES_AT_A_TIME):
        size = min(_LINES_AT_A_TIME, length - at)
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


def _count(bands: Iterator[NDArray[np.uint8]]) -> int:
    """Return how many lines from the start on are of the first line's colour."""
    count, colour = 0, None
    for lines in bands:
        if colour is None:
            colour = np.median(lines[0], axis=0)
        far = np.abs(lines - colour).reshape(len(lines), -1).max(axis=1) > _TOLERANCE
        if far.any():
            return count + int(far.argmax())
        count += len(lines)
    return count
