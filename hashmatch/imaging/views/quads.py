"""Quadrilaterals on slightly slanted edges: the photographed screen or print.

What is on it is looked for once it is seen from the front: the edges of a screen are longer and
sharper than those of the picture on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .geometry import corners_map
from .plane import Plane
from .rectangles import find_edges
from .sampling import Floats, Map, read_only

Lines: TypeAlias = NDArray[np.float64]

# Slopes of the lines that are looked for; the ends of a line are then right to about two pixels.
_SLOPES = np.arange(-9, 10) * 0.013
_DEPTH, _MIN_STEP, _RUN = 2, 4.0, 13
_LINES = 9
# Lines whose ends are nearer to each other, in shares of the plane, are the same, and so are
# quadrilaterals whose corners are.
_SAME_LINE, _SAME_CORNERS = 0.012, 0.02
_MAX_FOUND = 4_000
# Of a quadrilateral that is seen from the front, in pixels.
_WIDTH, _HEIGHT = 420, 320


def find_quads(plane: Plane, limit: int) -> list[Map]:
    """Return the maps to at most `limit` quadrilaterals in pixels of the plane, likeliest first."""
    from .quad_loops import rank_quads

    height, width = plane.pixels.shape
    lines, across = _find_lines(plane.pixels)
    columns, down = _find_lines(plane.pixels.T)
    found = np.empty((_MAX_FOUND, 9))
    arguments = (lines, columns, across, down, plane.texture_sums)
    number = rank_quads(*(read_only(one) for one in arguments), found)
    best = found[:number][np.argsort(-found[:number, 0], kind="stable")]
    sides = np.array([width, height] * 4)
    chosen: list[NDArray[np.float64]] = []
    for one in best[:, 1:]:
        if all(np.abs((one - other) / sides).max() > _SAME_CORNERS for other in chosen):
            chosen.append(one)
            if len(chosen) == limit:
                break
    return [_map_to(one) for one in chosen]


def rectify(plane: Floats, place: Map) -> Floats:
    """Return the part of a plane that a map to its pixels leads to, seen from the front."""
    from . import loops

    upright = np.empty((_HEIGHT, _WIDTH), np.float32)
    loops.rectify(read_only(plane), read_only(place), upright)
    return upright


def _map_to(corners: NDArray[np.float64]) -> Map:
    (a, b), (c, d), (e, f), (g, h) = corners.reshape(4, 2).tolist()
    return corners_map(((a, b), (c, d), (e, f), (g, h)))


def _find_lines(plane: Floats) -> tuple[Lines, NDArray[np.int32]]:
    """Return the lines of most edges as their row in the middle and slope, and counts of marks."""
    from .quad_loops import count_marks, sum_slanted

    marks, _ = find_edges(plane, _DEPTH, _MIN_STEP, _RUN, is_ratio=False)
    counts = np.empty((plane.shape[1] + 1, plane.shape[0]), np.int32)
    count_marks(read_only(marks.T), counts)
    sums = np.empty((len(_SLOPES), len(plane)), np.int32)
    sum_slanted(read_only(counts), _SLOPES, sums)
    return np.array(sorted(_strongest(sums, plane.shape))).reshape(-1, 2), counts


def _strongest(sums: NDArray[np.int32], shape: tuple[int, ...]) -> Iterator[tuple[float, float]]:
    """Yield the lines of most marks, none near another at both ends."""
    height, width = shape
    rows = np.arange(height)
    rise = _SLOPES[:, None] * width / 2
    left, right = rows - rise, rows + rise
    near = max(3.0, _SAME_LINE * height)
    remaining = sums.copy()
    for _ in range(_LINES):
        place, row = np.unravel_index(int(remaining.argmax()), remaining.shape)
        if remaining[place, row] <= 0:
            return
        yield float(row), float(_SLOPES[place])
        is_near = np.abs(left - left[place, row]) < near
        is_near &= np.abs(right - right[place, row]) < near
        remaining[is_near] = 0
