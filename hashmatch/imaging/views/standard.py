"""Views of the level standard: all of a picture, and the parts within borders and between edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hashmatch.hashes import Orientation, View

from .borders import inside_of, within_borders
from .geometry import box_map, oriented_map
from .plane import Plane
from .rectangles import find_rectangles
from .sampling import (
    Floats,
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


def standard_views(plane: Plane) -> Iterator[Views]:
    """Yield the views of a picture that find most."""
    yield from _whole(plane.margined)
    if unframed := within_borders(plane.pixels, plane.whole, _MAX_FRAMES):
        yield Views(View.UNFRAMED, sample_areas(plane.pixels, unframed))
    yield from parts_of(plane, _RECTANGLES, (View.PART, View.PART_INNER))


def parts_of(plane: Plane, limit: int, views: tuple[View, View]) -> Iterator[Views]:
    """Yield the rectangles of a plane, and what is inside their own borders."""
    rectangles = find_rectangles(plane, limit)
    if not rectangles:
        return
    part, part_inner = views
    yield Views(part, sample_areas(plane.pixels, rectangles))
    if inner := [area for one in rectangles for area in inside_of(plane.pixels, one)]:
        yield Views(part_inner, sample_areas(plane.pixels, inner))


def _whole(margined: Floats) -> Iterator[Views]:
    """Yield all of the picture, inverted, turned and mirrored."""
    maps = [box_map(shift, shift, 1 + shift, 1 + shift) for shift in _SHIFTS]
    yield Views(View.RESIZED, sample_maps(margined, maps))
    every = sample_maps(margined, [oriented_map(one) for one in Orientation])
    yield Views(View.NEGATIVE, 255 - every[:1])
    yield Views(View.RESIZED, every[1:], list(Orientation)[1:])
