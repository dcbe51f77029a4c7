"""Rectangles whose sides lie on straight edges: the picture in a screenshot, a post, a collage.

An edge is one of brightness or of texture, where a detailed part meets a smooth one. Lines are the
rows and columns with most edges; of all rectangles between two rows and two columns, those count
whose sides are on edges along most of their length, or on the border of the plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .plane import Plane
from .sampling import Area, Floats, read_only

Marks: TypeAlias = NDArray[np.uint8]

# Steps of brightness of 255, between the means of this many rows, and of texture by this factor.
_BRIGHTNESS_DEPTH, _MIN_STEP = 2, 9.0
_TEXTURE_DEPTH, _MIN_FACTOR = 4, 1.8
# The share of a side along which an edge has to go on to count.
_RUN_SHARE, _MIN_RUN = 0.04, 9
# Lines by brightness, and further ones by texture.
_LINES, _TEXTURE_LINES = 7, 5
# Lines are at least this share of a side apart. Texture blurs its edges by a few pixels.
_MIN_GAP_SHARE, _MIN_GAP = 1 / 80, 3
_TEXTURE_BLUR = 3
# Rectangles of which all sides are nearer to each other are the same.
_SAME_SHARE = 0.025
_TIGHT_SCORE = 1.0
# Less likely ones are none.
_MIN_SCORE = -1e9
_MAX_FOUND = 10_000


def find_rectangles(plane: Plane, limit: int) -> list[Area]:
    """Return at most `limit` rectangles, the most likely ones first; the plane itself is none."""
    from .rectangle_loops import choose_distinct, rank_rectangles

    height, width = plane.pixels.shape
    rows, across = _find_lines(plane.pixels, plane.texture)
    columns, down = _find_lines(plane.pixels.T, plane.texture.T)
    found = np.empty((_MAX_FOUND, 5))
    number = rank_rectangles(rows, columns, across, down, plane.texture_sums, found)
    chosen = np.empty((limit, 4))
    number = choose_distinct(
        found[:number], width, height, _SAME_SHARE, _MIN_SCORE, _TIGHT_SCORE, chosen
    )
    return [(left, top, right, bottom) for left, top, right, bottom in chosen[:number].tolist()]


def _find_lines(plane: Floats, texture: Floats) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the rows below which edges are, borders included, and running numbers of their marks.

    The numbers have the shape (rows, width + 1).
    """
    height, width = plane.shape
    run = max(_MIN_RUN, int(_RUN_SHARE * width)) | 1
    marks, weights = find_edges(plane, _BRIGHTNESS_DEPTH, _MIN_STEP, run, is_ratio=False)
    blurred, others = find_edges(texture, _TEXTURE_DEPTH, _MIN_FACTOR, run, is_ratio=True)
    gap = max(_MIN_GAP, int(_MIN_GAP_SHARE * height))
    lines = list(_strongest(weights, _lines(plane.shape), gap))
    for line in lines:
        others[max(0, line - 2 * gap) : line + 2 * gap + 1] = 0
    lines.extend(_strongest(others, _TEXTURE_LINES, 2 * gap))
    rows = np.array(sorted({-1, height - 1, *lines}))
    running = np.zeros((len(rows), width + 1), np.int32)
    for place, row in enumerate(rows.tolist()):
        if 0 <= row < height - 1:
            near, far = max(0, row - 1), max(0, row - _TEXTURE_BLUR)
            marked = marks[near : row + 2].any(axis=0)
            marked |= blurred[far : row + _TEXTURE_BLUR + 1].any(axis=0)
            np.cumsum(marked, out=running[place, 1:])
    return rows, running


def find_edges(
    values: Floats, depth: int, limit: float, run: int, *, is_ratio: bool
) -> tuple[Marks, Floats]:
    """Return the pixels above a straight edge, and the weight of each row's edges.

    An edge is where the means of `depth` rows above and below differ by `limit`, or by that factor
    with `is_ratio`, along most of `run` pixels.
    """
    from . import rectangle_loops

    marks = np.empty(values.shape, np.uint8)
    weights = np.empty(len(values), np.float32)
    rectangle_loops.find_edges(
        read_only(values), depth, np.float32(limit), is_ratio, run, marks, weights
    )
    return marks, weights


def _strongest(weights: Floats, number: int, gap: int) -> Iterator[int]:
    """Yield the rows of most weight, none within `gap` rows of another."""
    left = weights.copy()
    for _ in range(number):
        row = int(left.argmax())
        if left[row] <= 0:
            return
        yield row
        left[max(0, row - gap) : row + gap + 1] = 0


def _lines(shape: tuple[int, ...]) -> int:
    """Return the number of lines to look for: more of them along a longer side."""
    return min(12, max(_LINES, round(_LINES * shape[0] / shape[1])))
