"""Search views: the pictures from which an altered copy may have been made, and their hashes.

List entries are hashes that nobody can change, so what people do to a picture is undone on the
query. All views are sampled from one reduced plane and hashed together; those whose hashes are
nearly equal to earlier ones are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from hashmatch.hashers.pdq import hash_smalls, orient_small
from hashmatch.hashes import Decode, Hash, Level, Orientation, View

from ..decoding import find_inner
from .geometry import Cut, turned_map
from .rectangles import find_rectangles
from .sampling import (
    Area,
    Floats,
    as_floats,
    make_plane,
    reduce_to_square,
    sample_areas,
    sample_maps,
)

# Smaller planes and parts of planes show too little.
_MIN_SIDE = 24
# Views as near to an earlier one find nothing that it does not.
_SAME_BITS = 4
_MAX_FRAMES = 3  # borders within borders
_RECTANGLES = 16
# Frames of one file that are searched. Every frame is looked up as viewers show it.
_MAX_SEARCHED_FRAMES = 100
# Renderings that hold nothing which others do not: turned ones, since the search turns them itself,
# and mixes of the pictures over white and over black.
_SEARCHED_BEFORE = frozenset({View.AS_STORED, View.ON_GREY})
# Planes are alike whose parts of so many pixels differ by so much, of 255, at most.
_PART_SIDE, _ALIKE = 16, 4


@dataclass(frozen=True, slots=True)
class _Views:
    """Pictures of one kind of view, of shape (views, 64, 64), with their orientations."""

    view: View
    smalls: Floats
    orientations: Sequence[Orientation] = ()


class Search:
    """The search for altered copies in one file of so many frames, at one level.

    Of a file with many frames, some are searched, which are spread evenly.
    """

    def __init__(self, level: Level, frames: int) -> None:
        self._level = level
        self._step = -(-frames // _MAX_SEARCHED_FRAMES)
        self._next_frame = 0
        self._is_on = False
        self._seen: list[Image.Image] = []

    def begin_frame(self, number: int, *, is_embedded: bool) -> None:
        """Begin the next frame to be hashed; embedded pictures are not searched."""
        self._seen = []
        self._is_on = (
            self._level is not Level.PLAIN and not is_embedded and number >= self._next_frame
        )
        if self._is_on:
            self._next_frame = (number // self._step + 1) * self._step

    def hashes(self, picture: Image.Image, view: View) -> list[Hash]:
        """Return the PDQ hashes of the search views of one rendering, in mode L or RGB.

        None of what was searched before in much the same colours, or in another orientation, and of
        mixes of pictures that were.
        """
        if not self._is_on or view in _SEARCHED_BEFORE or min(picture.size) < _MIN_SIDE:
            return []
        plane = make_plane(picture)
        if any(_is_alike(plane, one) for one in self._seen):
            return []
        self._seen.append(plane)
        return _hash_views(plane, self._level)


def _is_alike(plane: Image.Image, other: Image.Image) -> bool:
    """Say whether two planes are about equal in each of their parts."""
    if plane.size != other.size:
        return False
    parts: Any = ImageChops.difference(plane, other).reduce(_PART_SIDE).getextrema()
    return bool(parts[1] <= _ALIKE)


def _hash_views(plane: Image.Image, level: Level) -> list[Hash]:
    """Return the hashes of all views of a plane. The views that find most are first."""
    found = list(_views(plane, level))
    hashes = iter(hash_smalls(np.concatenate([one.smalls for one in found])))
    named = [
        replace(next(hashes), view=one.view, orientation=orientation, decode=Decode.SCALED)
        for one in found
        for orientation in one.orientations or (Orientation.ORIGINAL,) * len(one.smalls)
    ]
    return list(_distinct(named))


def _views(plane: Image.Image, level: Level) -> Iterator[_Views]:
    pixels = as_floats(plane)
    square = reduce_to_square(pixels)
    yield from _whole(square)
    yield from _standard(plane, pixels)
    if level is Level.THOROUGH:
        yield from _thorough(pixels, square)


def _whole(square: Floats) -> Iterator[_Views]:
    """Yield all of the picture, inverted, turned and mirrored."""
    whole = sample_maps(square, [np.eye(3)])
    yield _Views(View.RESIZED, whole)
    yield _Views(View.NEGATIVE, 255 - whole)
    others = [one for one in Orientation if one is not Orientation.ORIGINAL]
    turned = np.stack([orient_small(whole[0], one) for one in others])
    yield _Views(View.RESIZED, turned, others)


def _standard(plane: Image.Image, pixels: Floats) -> Iterator[_Views]:
    """Yield the parts within borders and between edges."""
    whole = (0.0, 0.0, float(plane.width), float(plane.height))
    if unframed := list(_within_borders(plane, whole, _MAX_FRAMES)):
        yield _Views(View.UNFRAMED, sample_areas(pixels, unframed))
    rectangles = find_rectangles(pixels, _RECTANGLES)
    if not rectangles:
        return
    yield _Views(View.PART, sample_areas(pixels, rectangles))
    inner = [area for one in rectangles for area in [*_within_borders(plane, one, 2)][-1:]]
    if inner:
        yield _Views(View.PART_INNER, sample_areas(pixels, inner))


def _within_borders(plane: Image.Image, area: Area, limit: int) -> Iterator[Area]:
    """Yield the area inside the uniform borders of another, inside the borders of that, and on."""
    left, top, right, bottom = (int(one) for one in area)
    for _ in range(limit):
        if min(right - left, bottom - top) < _MIN_SIDE:
            return
        width, height = right - left, bottom - top
        inner = find_inner(plane.crop((left, top, right, bottom)))
        if inner is None:
            return
        # Reducing the picture has mixed the outermost pixels with the border.
        left, right = left + inner[0] + (inner[0] > 0), left + inner[2] - (inner[2] < width)
        top, bottom = top + inner[1] + (inner[1] > 0), top + inner[3] - (inner[3] < height)
        yield left, top, right, bottom


def _distinct(hashes: Iterable[Hash]) -> Iterator[Hash]:
    """Yield the hashes that are not nearly equal to an earlier one."""
    seen = np.zeros((0, 32), np.uint8)
    for one in hashes:
        value = np.frombuffer(one.value, np.uint8)
        if not len(seen) or np.bitwise_count(seen ^ value).sum(axis=1).min() > _SAME_BITS:
            yield one
            seen = np.vstack((seen, value))


# --- replaced below
_TURNS = (1, 2, 3, 4, 5, 6, 7)


def _thorough(pixels: Floats, square: Floats) -> Iterator[_Views]:
    """Yield what is left after small crops, turns and changes of perspective, undone."""
    height, width = pixels.shape
    turned = [
        place
        for degrees in _TURNS
        for cut in Cut
        for sign in (-1, 1)
        if (place := turned_map(sign * degrees, width, height, cut)) is not None
    ]
    yield _Views(View.TURNED, sample_maps(square, turned))
