"""Compiled loops of the search views; `sampling` and `rectangles` document their purpose.

They have no annotations: numba takes the types from the signatures, and mypy would find errors
where numba has none.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from hashmatch.jit import compiled

_SIDE = 64  # of the picture that PDQ's transform reads
_CELLS = 320  # along each side of the square by way of which a view is hashed
_STEP = _CELLS // _SIDE
# The reference shrinks a picture to 512 by 512 pixels first, and there its even window moves it by
# 1.5 of them; other implementations hash it as it is. Lists have hashes of both kinds. Moved by a
# third of that, a view is 8 and 5 bits from them on average, and not 12 and 5.
_SHIFT = 0.5 / 512
# PDQ's two running means of three cells, as weights of the five cells around a sampled one.
_WEIGHTS = (1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9)

PLANE = "Array(float32, 2, 'C', readonly=True)"
_BOXES = "Array(float64, 2, 'C', readonly=True)"
_MAPS = "Array(float64, 3, 'C', readonly=True)"


@register_jitable
def _lay_runs(low, high, size, firsts, lengths, weights):
    """Fill the weights of 64 runs of pixels, each of five cells of a side from `low` to `high`."""
    cell = (high - low) / _CELLS
    for run in range(_SIDE):
        start = low + _STEP * run * cell + _SHIFT * (high - low)
        first = min(max(int(np.floor(start)), 0), size - 1)
        last = min(max(int(np.ceil(start + _STEP * cell)), first + 1), size)
        firsts[run] = first
        lengths[run] = last - first
        total = 0.0
        for place in range(last - first):
            pixel = first + place
            weight = 0.0
            for part in range(_STEP):
                begin = start + part * cell
                overlap = min(begin + cell, pixel + 1.0) - max(begin, float(pixel))
                if overlap > 0:
                    weight += _WEIGHTS[part] * overlap
            weights[run, place] = weight
            total += weight
        for place in range(last - first):
            weights[run, place] /= total


@compiled(f"void({PLANE}, {_BOXES}, float32[:, :, ::1])", fastmath={"reassoc", "contract"})
def sample_boxes(plane, boxes, smalls):
    height, width = plane.shape
    longest = max(height, width) * _STEP // _CELLS + 3
    firsts = np.empty((2, _SIDE), np.int64)
    lengths = np.empty((2, _SIDE), np.int64)
    weights = np.empty((2, _SIDE, longest), np.float32)
    sums = np.empty((_SIDE, width), np.float32)
    for box in range(boxes.shape[0]):
        left, top, right, bottom = boxes[box]
        _lay_runs(left, right, width, firsts[0], lengths[0], weights[0])
        _lay_runs(top, bottom, height, firsts[1], lengths[1], weights[1])
        begin, end = firsts[0, 0], firsts[0, -1] + lengths[0, -1]
        for run in range(_SIDE):
            line = sums[run, begin:end]
            line[:] = np.float32(0)
            place, length = 0, lengths[1, run]
            while place + 4 <= length:
                at = firsts[1, run] + place
                one, two = plane[at, begin:end], plane[at + 1, begin:end]
                three, four = plane[at + 2, begin:end], plane[at + 3, begin:end]
                w_one, w_two = weights[1, run, place], weights[1, run, place + 1]
                w_three, w_four = weights[1, run, place + 2], weights[1, run, place + 3]
                for x in range(end - begin):
                    line[x] += (
                        w_one * one[x] + w_two * two[x] + w_three * three[x] + w_four * four[x]
                    )
                place += 4
            while place < length:
                one, w_one = plane[firsts[1, run] + place, begin:end], weights[1, run, place]
                for x in range(end - begin):
                    line[x] += w_one * one[x]
                place += 1
        for run in range(_SIDE):
            first, length = firsts[0, run], lengths[0, run]
            factors = weights[0, run, :length]
            for row in range(_SIDE):
                values = sums[row, first : first + length]
                total = np.float32(0)
                for place in range(length):
                    total += factors[place] * values[place]
                smalls[box, row, run] = total


@register_jitable
def interpolate(plane, x, y):
    """Return the value between four pixels; beyond the plane, that of its edge."""
    height, width = plane.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = min(int(x), width - 2), min(int(y), height - 2)
    right, below = np.float32(x - left), np.float32(y - top)
    high = plane[top, left] * (1 - right) + plane[top, left + 1] * right
    low = plane[top + 1, left] * (1 - right) + plane[top + 1, left + 1] * right
    return high * (1 - below) + low * below


@compiled(f"void({PLANE}, {_MAPS}, float32[:, :, ::1])", fastmath={"reassoc", "contract"})
def sample_maps(margined, maps, smalls):
    size = margined.shape[0]
    margin = (size - _CELLS) // 2
    for one in range(maps.shape[0]):
        place = maps[one]
        for row in range(_SIDE):
            v = (row + 0.5) / _SIDE + _SHIFT
            for column in range(_SIDE):
                u = (column + 0.5) / _SIDE + _SHIFT
                depth = place[2, 0] * u + place[2, 1] * v + place[2, 2]
                x = (place[0, 0] * u + place[0, 1] * v + place[0, 2]) / depth
                y = (place[1, 0] * u + place[1, 1] * v + place[1, 2]) / depth
                x, y = x * _CELLS + margin - 0.5, y * _CELLS + margin - 0.5
                smalls[one, row, column] = interpolate(margined, x, y)


@compiled(f"void({PLANE}, Array(float64, 2, 'C', readonly=True), float32[:, ::1])")
def rectify(plane, place, upright):
    """Fill the pixels of a map's square, which is in pixels of the plane."""
    height, width = upright.shape
    for row in range(height):
        v = (row + 0.5) / height
        for column in range(width):
            u = (column + 0.5) / width
            depth = place[2, 0] * u + place[2, 1] * v + place[2, 2]
            x = (place[0, 0] * u + place[0, 1] * v + place[0, 2]) / depth
            y = (place[1, 0] * u + place[1, 1] * v + place[1, 2]) / depth
            upright[row, column] = interpolate(plane, x - 0.5, y - 0.5)


@register_jitable
def mirror(place, size):
    """Return a place on a side whose ends are mirrors."""
    while place < 0 or place >= size:
        place = -1 - place if place < 0 else 2 * size - 1 - place
    return place


@compiled(f"void({PLANE}, float32[:, ::1])", fastmath={"reassoc", "contract"})
def reduce_to_square(plane, square):
    """Average a plane over 320 by 320 cells, then twice over three by three of these."""
    height, width = plane.shape
    rows = np.empty((_CELLS, width), np.float32)
    cells = np.empty((_CELLS, _CELLS), np.float32)
    for run in range(_CELLS):
        start, end = run * height / _CELLS, (run + 1) * height / _CELLS
        rows[run] = np.float32(0)
        for y in range(int(start), min(int(np.ceil(end)), height)):
            share = np.float32((min(end, y + 1.0) - max(start, float(y))) / (end - start))
            for x in range(width):
                rows[run, x] += share * plane[y, x]
    for run in range(_CELLS):
        start, end = run * width / _CELLS, (run + 1) * width / _CELLS
        first, last = int(start), min(int(np.ceil(end)), width)
        for row in range(_CELLS):
            total = np.float32(0)
            for x in range(first, last):
                total += (min(end, x + 1.0) - max(start, float(x))) * rows[row, x]
            cells[row, run] = total / (end - start)
    for row in range(_CELLS):
        square[row] = np.float32(0)
        for part in range(5):
            near = cells[mirror(row + part - 2, _CELLS)]
            weight = np.float32(_WEIGHTS[part])
            for x in range(_CELLS):
                square[row, x] += weight * near[x]
    for row in range(_CELLS):
        line = square[row].copy()
        for x in range(_CELLS):
            if x < 2 or x >= _CELLS - 2:
                total = np.float32(0)
                for part in range(5):
                    total += np.float32(_WEIGHTS[part]) * line[mirror(x + part - 2, _CELLS)]
                square[row, x] = total
            else:
                square[row, x] = (
                    line[x - 2] + 2 * line[x - 1] + 3 * line[x] + 2 * line[x + 1] + line[x + 2]
                ) / np.float32(9)
