"""Compiled loops of the search for slanted quadrilaterals; `quads` documents their purpose.

They have no annotations: numba takes the types from the signatures, and mypy would find errors
where numba has none.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from hashmatch.jit import compiled

from .rectangle_loops import judge

_COUNTS = "Array(int32, 2, 'C', readonly=True)"
_LINES = "Array(float64, 2, 'C', readonly=True)"
_SUMS = "Array(float64, 2, 'C', readonly=True)"
_MIN_SIDE = 0.2  # of the plane
_MIN_SHARE = 0.4


@compiled("void(Array(uint8, 2, 'C', readonly=True), int32[:, ::1])")
def count_marks(marks, counts):
    """Fill the marks on each row and the rows beside it up to a column, by column and row.

    `marks` has the columns first, too.
    """
    width, height = marks.shape
    counts[0] = 0
    for x in range(width):
        line = marks[x]
        for row in range(height):
            mark = line[row] | line[max(row - 1, 0)] | line[min(row + 1, height - 1)]
            counts[x + 1, row] = counts[x, row] + mark


@register_jitable
def _end_of_run(at, last, shift, slope, width):
    """Return the column up to which a slanted line stays in a row of pixels, `last` at most."""
    if slope == 0:
        return last
    edge = shift + 0.5 if slope > 0 else shift - 0.5
    return min(last, max(at + 1, int(np.ceil(width / 2 + edge / slope - 0.5))))


@register_jitable
def _count_along(counts, line, start, end):
    """Return the number of marks along a slanted line between two columns."""
    width, height = counts.shape[0] - 1, counts.shape[1]
    row, slope = line
    at, last = min(max(int(start), 0), width), min(max(int(end), 0), width)
    total = 0
    while at < last:
        shift = np.floor(slope * (at + 0.5 - width / 2) + 0.5)
        stop = _end_of_run(at, last, shift, slope, width)
        here = int(row + shift)
        if 0 <= here < height:
            total += counts[stop, here] - counts[at, here]
        at = stop
    return total


@compiled(f"void({_COUNTS}, float64[::1], int32[:, ::1])")
def sum_slanted(counts, slopes, sums):
    """Fill the marks along the line through the middle of each row, by slope and row."""
    width, height = counts.shape[0] - 1, counts.shape[1]
    for place in range(len(slopes)):
        slope = slopes[place]
        line = sums[place]
        line[:] = 0
        at = 0
        while at < width:
            shift = np.floor(slope * (at + 0.5 - width / 2) + 0.5)
            stop = _end_of_run(at, width, shift, slope, width)
            # All rows together: one after another took ten times as long.
            first, last = max(0, -int(shift)), min(height, height - int(shift))
            before = counts[at, first + int(shift) : last + int(shift)]
            after = counts[stop, first + int(shift) : last + int(shift)]
            part = line[first:last]
            for row in range(last - first):
                part[row] += after[row] - before[row]
            at = stop


@register_jitable
def _crossing(across, down, width, height):
    """Return where a line across and a line down meet; both lie between two rows of pixels."""
    row, slope = across[0] + 1, across[1]
    column, lean = down[0] + 1, down[1]
    x = (column + lean * (row - slope * width / 2 - height / 2)) / (1 - slope * lean)
    return x, row + slope * (x - width / 2)


@compiled(f"int64({_LINES}, {_LINES}, {_COUNTS}, {_COUNTS}, {_SUMS}, float64[:, ::1])")
def rank_quads(lines, columns, across, down, texture, found):
    """Fill score and corners of the quadrilaterals whose sides are edges; return their number.

    Lines are in ascending order of their rows.
    """
    height, width = texture.shape[0] - 1, texture.shape[1] - 1
    shares = np.empty(4)
    number = 0
    for i in range(len(lines)):
        for k in range(i + 1, len(lines)):
            for j in range(len(columns)):
                for m in range(j + 1, len(columns)):
                    a, b = _crossing(lines[i], columns[j], width, height)
                    c, d = _crossing(lines[i], columns[m], width, height)
                    e, f = _crossing(lines[k], columns[m], width, height)
                    g, h = _crossing(lines[k], columns[j], width, height)
                    if min(c - a, e - g) < _MIN_SIDE * width or number == len(found):
                        continue
                    if min(h - b, f - d) < _MIN_SIDE * height:
                        continue
                    if min(a, g) < 0 or min(b, d) < 0 or max(c, e) > width or max(f, h) > height:
                        continue
                    shares[0] = _count_along(across, (lines[i, 0], lines[i, 1]), a, c) / (c - a)
                    shares[1] = _count_along(across, (lines[k, 0], lines[k, 1]), g, e) / (e - g)
                    shares[2] = _count_along(down, (columns[j, 0], columns[j, 1]), b, h) / (h - b)
                    shares[3] = _count_along(down, (columns[m, 0], columns[m, 1]), d, f) / (f - d)
                    if shares.min() < _MIN_SHARE:
                        continue
                    found[number, 0] = judge(
                        shares, texture, int((a + g) / 2), int((b + d) / 2), int((c + e) / 2),
                        int((f + h) / 2),
                    )  # fmt: skip
                    found[number, 1], found[number, 2] = a, b
                    found[number, 3], found[number, 4] = c, d
                    found[number, 5], found[number, 6] = e, f
                    found[number, 7], found[number, 8] = g, h
                    number += 1
    return number
