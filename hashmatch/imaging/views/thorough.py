"""Further views of the level thorough: small crops, turns and perspective, undone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from hashmatch.hashes import View

from .geometry import Cut, box_map, corners_map, turned_map
from .plane import Plane
from .quads import find_quads, rectify
from .sampling import (
    Area,
    Map,
    sample_areas,
    sample_maps,
)
from .standard import Views, parts_of

# Shares of the sides that were cut off one of them, or half of it off each of two.
_CUT_ONE = (0.03, 0.053, 0.08, 0.111)
_CUT_ALL = (0.03, 0.053, 0.08, 0.111)
# Degrees of turns, in either direction, by what became of the corners.
_TURNS = {
    Cut.SAME_SIZE: (1.5, 3.5, 5, 7),
    Cut.EXPANDED: (1.5, 3.5, 5, 7),
    Cut.FITTED: (1, 2, 3, 4.5),
}
# The share by which a side is made shorter, at both of its ends, in perspective.
_KEYSTONES = (0.025, 0.05)
# The shares of both sides that a picture in bars without edges may have.
_CENTRES = tuple(np.geomspace(0.95, 0.5, 12).tolist())
_QUADS, _RECTANGLES_ON_EACH = 1, 6


def thorough_views(plane: Plane) -> Iterator[Views]:
    """Yield the views of a picture besides those of the level standard."""
    height, width = plane.pixels.shape
    yield Views(View.EXTENDED, sample_maps(plane.margined, _extended_maps()))
    yield Views(View.TURNED, sample_maps(plane.margined, _turned_maps(width, height)))
    yield Views(View.TILTED, sample_maps(plane.margined, _tilted_maps()))
    for place in find_quads(plane, _QUADS):
        upright = Plane(rectify(plane.pixels, place))
        yield Views(View.TILTED_PART, sample_areas(upright.pixels, [upright.whole]))
        views = (View.TILTED_PART, View.TILTED_PART)
        yield from parts_of(upright, _RECTANGLES_ON_EACH, views)
    yield Views(View.PANEL, sample_areas(plane.pixels, list(_panels(width, height))))
    yield Views(View.CENTRE, sample_areas(plane.pixels, list(_centres(width, height))))


@lru_cache(maxsize=1)
def _extended_maps() -> list[Map]:
    maps = [box_map(-cut / 2, -cut / 2, 1 + cut / 2, 1 + cut / 2) for cut in _CUT_ALL]
    for cut in _CUT_ONE:
        maps += [box_map(-cut, 0, 1, 1), box_map(0, -cut, 1, 1)]
        maps += [box_map(0, 0, 1 + cut, 1), box_map(0, 0, 1, 1 + cut)]
    return maps


def _turned_maps(width: int, height: int) -> list[Map]:
    maps = (
        turned_map(sign * degrees, width, height, cut)
        for cut, turns in _TURNS.items()
        for degrees in turns
        for sign in (-1, 1)
    )
    return [one for one in maps if one is not None]


@lru_cache(maxsize=1)
def _tilted_maps() -> list[Map]:
    """Return the maps of each side made longer or shorter at both ends."""
    maps = []
    for share in _KEYSTONES:
        for by in (share, -share):
            maps += [
                corners_map(((-by, 0), (1 + by, 0), (1, 1), (0, 1))),
                corners_map(((0, 0), (1, 0), (1 + by, 1), (-by, 1))),
                corners_map(((0, -by), (1, 0), (1, 1), (0, 1 + by))),
                corners_map(((0, 0), (1, -by), (1, 1 + by), (0, 1))),
            ]
    return maps


def _panels(width: int, height: int) -> Iterator[Area]:
    """Yield halves and quarters."""
    middle, centre = width / 2, height / 2
    yield from ((0, 0, middle, height), (middle, 0, width, height))
    yield from ((0, 0, width, centre), (0, centre, width, height))
    for left, right in ((0, middle), (middle, width)):
        for top, bottom in ((0, centre), (centre, height)):
            yield left, top, right, bottom


def _centres(width: int, height: int) -> Iterator[Area]:
    for share in _CENTRES:
        across, down = width * (1 - share) / 2, height * (1 - share) / 2
        yield across, down, width - across, height - down
