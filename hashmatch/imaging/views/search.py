"""Search views: the pictures from which an altered copy may have been made, and their hashes.

List entries are hashes that nobody can change, so what people do to a picture is undone on the
query. All views are sampled from one reduced plane and hashed together; those whose hashes are
nearly equal to earlier ones are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from hashmatch.hashers import hash_smalls
from hashmatch.hashes import Decode, Hash, Level, Orientation, View

from .plane import Plane
from .sampling import as_floats, make_plane
from .standard import MIN_SIDE, standard_views
from .thorough import thorough_views

# Views as near to an earlier one find nothing that it does not.
_SAME_BITS = 4
# Frames of one file that are searched: the first of those that differ, and about as many of the
# others. Every frame is looked up as viewers show it.
_FIRST_FRAMES, _SPREAD_FRAMES = 32, 32
# Mixes of the pictures over white and over black, which are searched.
_MIXES = frozenset({View.ON_GREY})
# Planes are alike whose parts of so many pixels differ by so much, of 255, at most.
_PART_SIDE, _ALIKE = 16, 4


class Search:
    """The search for altered copies in one file of so many frames, at one level.

    Of a file with many frames that differ, the first are searched, and of the others some that are
    spread evenly.
    """

    def __init__(self, level: Level, frames: int) -> None:
        self._level = level
        # Of frames after the first, in how many parts they are, and which part comes next.
        self._others = max(_SPREAD_FRAMES, frames - _FIRST_FRAMES)
        self._next_part = 0
        self._searched = 0
        self._is_on = False
        self._frame = 0
        self._seen: list[Image.Image] = []

    def begin_frame(self, number: int, *, is_embedded: bool) -> None:
        """Begin the next frame to be hashed; embedded pictures are not searched."""
        self._seen, self._frame = [], number
        part = (number - _FIRST_FRAMES) * _SPREAD_FRAMES // self._others
        is_due = self._searched < _FIRST_FRAMES or part >= self._next_part
        self._is_on = self._level is not Level.PLAIN and not is_embedded and is_due
        if self._is_on:
            self._searched += 1
            self._next_part = max(0, part + 1)

    def hashes(self, picture: Image.Image, view: View, rendering: int = 0) -> list[Hash]:
        """Return the PDQ hashes of the search views of one rendering, in mode L or RGB.

        None of what was searched before in much the same colours, and of mixes of pictures that
        were.
        """
        if not self._is_on or view in _MIXES or min(picture.size) < MIN_SIDE:
            return []
        plane = make_plane(picture)
        if any(_is_alike(plane, one) for one in self._seen):
            return []
        self._seen.append(plane)
        return _hash_views(plane, self._level, self._frame, rendering)


def _is_alike(plane: Image.Image, other: Image.Image) -> bool:
    """Say whether two planes are about equal in each of their parts."""
    if plane.size != other.size:
        return False
    parts: Any = ImageChops.difference(plane, other).reduce(_PART_SIDE).getextrema()
    return bool(parts[1] <= _ALIKE)


def _hash_views(plane: Image.Image, level: Level, frame: int, rendering: int) -> list[Hash]:
    """Return the hashes of all views of a plane. The views that find most are first."""
    shared = Plane(as_floats(plane))
    found = list(standard_views(shared))
    if level is Level.THOROUGH:
        found.extend(thorough_views(shared))
    hashes = iter(hash_smalls(np.concatenate([one.smalls for one in found])))
    named = [
        replace(
            next(hashes),
            view=one.view,
            orientation=orientation,
            decode=Decode.SCALED,
            frame=frame,
            rendering=rendering,
        )
        for one in found
        for orientation in one.orientations or (Orientation.ORIGINAL,) * len(one.smalls)
    ]
    return list(_distinct(named))


def _distinct(hashes: Iterable[Hash]) -> Iterator[Hash]:
    """Yield the hashes that are not nearly equal to an earlier one of as much quality."""
    seen: list[tuple[int, int]] = []
    for one in hashes:
        value, quality = int.from_bytes(one.value), one.best_quality or 0
        if all(
            (value ^ other).bit_count() > _SAME_BITS or quality > others for other, others in seen
        ):
            yield one
            seen.append((value, quality))
