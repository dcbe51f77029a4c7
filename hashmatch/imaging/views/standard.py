"""Views of the level standard: all of a picture, and the parts within borders and between edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from hashmatch.hashes import Orientation, View

from .borders import inside_of, within_borders
from .geometry import box_map, oriented_map
from .rectangles import find_rectangles
from .sampling import (
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
# From where views are sampled to where hashes of pictures as they are, and of pictures that were
# shrunk to 512 by 512 pixels, are found best.
_SHIFTS = (-0.5 / 512, 1 / 512)


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
    if unframed := within_borders(pixels, whole, _MAX_FRAMES):
        yield Views(View.UNFRAMED, sample_areas(pixels, unframed))
    yield from parts_of(pixels, _RECTANGLES, (View.PART, View.PART_INNER))


def parts_of(pixels: Floats, limit: int, views: tuple[View, View]) -> Iterator[Views]:
    """Yield the rectangles of a plane, and what is inside their own borders."""
    rectangles = find_rectangles(pixels, limit)
    if not rectangles:
        return
    part, part_inner = views
    yield Views(part, sample_areas(pixels, rectangles))
    if inner := [area for one in rectangles for area in inside_of(pixels, one)]:
        yield Views(part_inner, sample_areas(pixels, inner))


def _whole(pixels: Floats) -> Iterator[Views]:
    """Yield all of the picture, inverted, turned and mirrored."""
    margined = extend(reduce_to_square(pixels))
    maps = [box_map(shift, shift, 1 + shift, 1 + shift) for shift in _SHIFTS]
    yield Views(View.RESIZED, sample_maps(margined, maps))
    every = sample_maps(margined, [oriented_map(one) for one in Orientation])
    yield Views(View.NEGATIVE, 255 - every[:1])
    yield Views(View.RESIZED, every[1:], list(Orientation)[1:])
