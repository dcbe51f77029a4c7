"""Plain twins of what the package does cleverly: slow, short, and held equal by tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.floating[Any]]
# Left, top, right and bottom.
Box: TypeAlias = tuple[float, float, float, float]

_SMALL, _SQUARE = 64, 320
# In shares of a side: half a pixel of 512.
_SHIFT = 0.5 / 512
# PDQ's two running means of three cells, as weights of five.
_FIVE = np.array([1, 2, 3, 2, 1]) / 9


def distance_bits(one: bytes, other: bytes) -> int:
    """Return the number of bits in which two values differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def weighed_rows(
    lines: Sequence[Sequence[int]],
    firsts: Sequence[int],
    lengths: Sequence[int],
    weights: Sequence[Sequence[float]],
) -> list[list[float]]:
    """Return weighted sums of runs of rows."""
    return [
        [sum(weights[run][k] * lines[first + k][x] for k in range(lengths[run]))
         for x in range(len(lines[0]))]
        for run, first in enumerate(firsts)
    ]  # fmt: skip


def near_vectors(values: Sequence[bytes], query: bytes, threshold: int) -> list[tuple[int, int]]:
    """Return (squared distance, place) of every vector within the threshold, nearest first."""
    distances = [
        (sum((one - other) ** 2 for one, other in zip(value, query, strict=True)), place)
        for place, value in enumerate(values)
    ]
    return sorted(one for one in distances if one[0] <= threshold)


def near(values: Sequence[bytes], query: bytes, threshold_bits: int) -> list[tuple[int, int]]:
    """Return (distance, place) of every value within the threshold, nearest first."""
    distances = [(distance_bits(value, query), place) for place, value in enumerate(values)]
    return sorted(one for one in distances if one[0] <= threshold_bits)


def sampled_box(plane: Reals, box: Box) -> Reals:
    """Return what PDQ's transform reads of a box by way of 320 by 320 cells, 64 by 64."""
    height, width = plane.shape
    left, top, right, bottom = box
    across, down = _runs_of(left, right, width), _runs_of(top, bottom, height)
    small: Reals = down @ plane @ across.T
    return small


def _runs_of(low: float, high: float, size: int) -> Reals:
    """Return the weights of a side's pixels in each of 64 runs of five cells of 320."""
    edges = np.linspace(low, high, _SQUARE + 1) + _SHIFT * (high - low)
    cells = _overlaps(edges, size)
    runs = np.einsum("k,rkp->rp", _FIVE, cells.reshape(_SMALL, 5, size))
    shares: Reals = runs / runs.sum(axis=1, keepdims=True)
    return shares


def _overlaps(edges: Reals, size: int) -> Reals:
    """Return the length that each part between two edges shares with each pixel of a side."""
    pixels = np.arange(size)
    ends = np.minimum(edges[1:, None], pixels + 1)
    lengths: Reals = np.maximum(ends - np.maximum(edges[:-1, None], pixels), 0)
    return lengths


def square_of(plane: Reals) -> Reals:
    """Return a plane averaged over 320 by 320 cells, and twice over three by three of these."""
    down, across = (
        _mirrored_means() @ _overlaps(np.linspace(0, size, _SQUARE + 1), size) * _SQUARE / size
        for size in plane.shape
    )
    square: Reals = down @ plane @ across.T
    return square


def _mirrored_means() -> Reals:
    """Return the weights of 320 cells in the means around each of them, mirrored at the ends."""
    means = np.zeros((_SQUARE, _SQUARE))
    for cell in range(_SQUARE):
        for part, weight in enumerate(_FIVE):
            means[cell, _mirrored(cell + part - 2, _SQUARE)] += weight
    return means


def _mirrored(place: int, size: int) -> int:
    """Return a place on a side that is continued by its mirror images."""
    place %= 2 * size
    return place if place < size else 2 * size - 1 - place


def sampled_map(margined: Reals, place: Reals) -> Reals:
    """Return the 64 by 64 picture at a projective map of the unit square, between four pixels.

    The unit square is the middle of the margined one; beyond that, its edge goes on.
    """
    size = len(margined)
    margin = (size - _SQUARE) // 2
    small = np.empty((_SMALL, _SMALL))
    for row in range(_SMALL):
        for column in range(_SMALL):
            u, v = ((one + 0.5) / _SMALL + _SHIFT for one in (column, row))
            x, y, depth = place @ (u, v, 1)
            x, y = (min(max(one / depth * _SQUARE + margin - 0.5, 0), size - 1) for one in (x, y))
            left, top = min(math.floor(x), size - 2), min(math.floor(y), size - 2)
            small[row, column] = sum(
                margined[top + below, left + beside]
                * abs(1 - below - (y - top))
                * abs(1 - beside - (x - left))
                for below in (0, 1)
                for beside in (0, 1)
            )
    return small


def texture_of(plane: Reals, reach: int) -> Reals:
    """Return one more than the standard deviation of the pixels around each, within `reach`."""
    padded = np.pad(plane, reach, mode="symmetric")
    side = 2 * reach + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    texture: Reals = 1 + windows.std(axis=(2, 3))
    return texture


def edges_of(
    values: NDArray[np.float32], depth: int, limit: float, run: int, *, is_ratio: bool
) -> tuple[list[list[int]], list[float]]:
    """Return the pixels above a straight edge, and the weight of each row's edges."""
    height, width = values.shape
    edges, weights = [[0] * width for _ in range(height)], [0.0] * height
    for y in range(depth - 1, height - depth):
        above = values[y - depth + 1 : y + 1].sum(axis=0, dtype=np.float32)
        below = values[y + 1 : y + 1 + depth].sum(axis=0, dtype=np.float32)
        high, low = np.maximum(above, below), np.minimum(above, below)
        bound = np.float32(limit)
        steps = high / (bound * low) if is_ratio else (high - low) / (bound * np.float32(depth))
        marks = high > bound * low if is_ratio else high - low > bound * np.float32(depth)
        if marks.sum() < 0.1 * width:
            continue
        for x in range(width):
            first = x - run // 2
            inside = marks[max(0, first) : max(0, first + run)].sum()
            if inside > 0.75 * run:
                edges[y][x] = 1
                weights[y] += 1 + min(float(steps[x]), 8) / 64
    return edges, weights


def rectangles_between(
    ys: Sequence[int], xs: Sequence[int], across: NDArray[np.uint8], down: NDArray[np.uint8]
) -> set[tuple[int, int, int, int]]:
    """Return the boxes between two rows and two columns whose sides are on edges or the border.

    `across` and `down` are the edge pixels below each row and beside each column.
    """
    height, width = down.shape[1], across.shape[1]
    found = set()
    for (i, top), (k, bottom) in ((a, b) for a in enumerate(ys) for b in enumerate(ys)):
        for (j, left), (m, right) in ((a, b) for a in enumerate(xs) for b in enumerate(xs)):
            box = (left + 1, top + 1, right + 1, bottom + 1)
            if bottom - top < max(1, 0.12 * height) or right - left < max(1, 0.15 * width):
                continue
            sides = [
                *([across[i, box[0] : box[2]].mean()] if box[1] > 0 else []),
                *([across[k, box[0] : box[2]].mean()] if box[3] < height else []),
                *([down[j, box[1] : box[3]].mean()] if box[0] > 0 else []),
                *([down[m, box[1] : box[3]].mean()] if box[2] < width else []),
            ]
            if sides and min(sides) > 0.2:
                found.add(box)
    return found


def distinct_boxes(
    found: Sequence[tuple[float, ...]],
    size: tuple[float, float],
    *,
    same: float,
    lowest: float,
    tight_score: float,
    limit: int,
) -> list[tuple[float, ...]]:
    """Return the boxes of best score, none with all sides near those of a better one.

    Each of `found` is a score and a box. A smaller one of about the same score is the one meant.
    """
    chosen: list[tuple[float, ...]] = []
    left = [one for one in found if one[0] > lowest]
    while left and len(chosen) < limit:
        best = max(left, key=lambda one: one[0])
        near = [one for one in left if _apart(one[1:], best[1:], size) <= same]
        tied = [one for one in near if one[0] > best[0] - tight_score]
        tight = min([best, *tied], key=lambda one: (one[3] - one[1]) * (one[4] - one[2]))
        chosen.append(tight[1:])
        left = [one for one in left if one not in near]
    return chosen


def _apart(one: Sequence[float], other: Sequence[float], size: tuple[float, float]) -> float:
    """Return the largest distance of a side, in shares of the plane's."""
    return max(abs(one[side] - other[side]) / size[side % 2] for side in range(4))


def unfiltered(lines: NDArray[np.uint8], pixel_bytes: int) -> NDArray[np.uint8]:
    """Return the rows of filtered PNG lines, byte by byte as the standard says it (section 9)."""
    rows = np.zeros((len(lines) + 1, pixel_bytes + lines.shape[1] - 1), np.int64)
    for y, line in enumerate(lines.astype(int), 1):
        for x, value in enumerate(line[1:], pixel_bytes):
            left, up = int(rows[y, x - pixel_bytes]), int(rows[y - 1, x])
            corner = int(rows[y - 1, x - pixel_bytes])
            guess = (0, left, up, (left + up) // 2, paeth(left, up, corner))[line[0]]
            rows[y, x] = (value + guess) % 256
    return rows[1:, pixel_bytes:].astype(np.uint8)


def paeth(left: int, up: int, corner: int) -> int:
    """Return the neighbour that is nearest to left + up - corner; the first of several as near."""
    return min((left, up, corner), key=lambda one: abs(left + up - corner - one))
