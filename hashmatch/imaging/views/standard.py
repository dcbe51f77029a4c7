"""Views of the level standard: all of a picture, and the parts within borders and between edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hashmatch.hashers.pdq import orient_small
from hashmatch.hashes import Orientation, View

from ..decoding import find_inner
from .rectangles import find_rectangles
from .sampling import (
    Area,
    Floats,
    as_floats,
    extend,
    reduce_to_square,
    sample_areas,
    sample_maps,
)

# Smaller planes and parts of planes show too little.
MIN_SIDE = 24
_MAX_FRAMES = 3  # borders within borders
_RECTANGLES = 16
# The share of a side at either end that a rounded corner may take.
_CORNER = 0.2


@dataclass(frozen=True, slots=True)
class Views:
    """Pictures of one kind of view, of shape (views, 64, 64), with their orientations."""

    view: View
    smalls: Floats
    orientations: Sequence[Orientation] = ()


def standard_views(plane: Image.Image) -> Iterator[Views]:
    """Yield the views of a reduced picture, of mode L, that find most."""
    pixels = as_floats(plane)
    yield from _whole(pixels)
    whole = (0.0, 0.0, float(plane.width), float(plane.height))
    if unframed := list(_within_borders(plane, whole, _MAX_FRAMES)):
        yield Views(View.UNFRAMED, sample_areas(pixels, unframed))
    yield from parts_of(plane, pixels, _RECTANGLES, (View.PART, View.PART_INNER))


def parts_of(
    plane: Image.Image, pixels: Floats, limit: int, views: tuple[View, View]
) -> Iterator[Views]:
    """Yield the rectangles of a plane, and what is inside their own borders."""
    rectangles = find_rectangles(pixels, limit)
    if not rectangles:
        return
    part, part_inner = views
    yield Views(part, sample_areas(pixels, rectangles))
    if inner := [area for one in rectangles for area in _inside(plane, one)]:
        yield Views(part_inner, sample_areas(pixels, inner))


def _whole(pixels: Floats) -> Iterator[Views]:
    """Yield all of the picture, inverted, turned and mirrored."""
    whole = sample_maps(extend(reduce_to_square(pixels)), [np.eye(3)])
    yield Views(View.RESIZED, whole)
    yield Views(View.NEGATIVE, 255 - whole)
    others = [one for one in Orientation if one is not Orientation.ORIGINAL]
    turned = np.stack([orient_small(whole[0], one) for one in others])
    yield Views(View.RESIZED, turned, others)


def _within_borders(plane: Image.Image, area: Area, limit: int) -> Iterator[Area]:
    """Yield the area inside the uniform borders of another, inside the borders of that, and on."""
    for _ in range(limit):
        left, top, right, bottom = (int(one) for one in area)
        if min(right - left, bottom - top) < MIN_SIDE:
            return
        inner = find_inner(plane.crop((left, top, right, bottom)))
        if inner is None:
            return
        area = _cut(area, inner)
        yield area


def _inside(plane: Image.Image, area: Area) -> list[Area]:
    """Return the area inside all uniform borders of another, which may have rounded corners."""
    inside = [*_within_borders(plane, area, 2)][-1:]
    left, top, right, bottom = (int(one) for one in area)
    width, height = right - left, bottom - top
    if inside or min(width, height) < 2 * MIN_SIDE:
        return inside
    # Away from the corners, a border is as uniform as any.
    across, down = int(_CORNER * width), int(_CORNER * height)
    upright = find_inner(plane.crop((left + across, top, right - across, bottom)))
    level = find_inner(plane.crop((left, top + down, right, bottom - down)))
    if upright is None and level is None:
        return []
    _, first, _, last = upright or (0, 0, 0, height)
    begin, _, end, _ = level or (0, 0, width, 0)
    return [_cut(area, (begin, first, end, last))]


def _cut(area: Area, inner: tuple[int, int, int, int]) -> Area:
    """Return the part of an area, less a pixel that reducing has mixed with the border."""
    left, top, right, bottom = (int(one) for one in area)
    width, height = right - left, bottom - top
    return (
        left + inner[0] + (inner[0] > 0),
        top + inner[1] + (inner[1] > 0),
        left + inner[2] - (inner[2] < width),
        top + inner[3] - (inner[3] < height),
    )
