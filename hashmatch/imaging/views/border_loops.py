"""Compiled loops that find what is inside uniform borders; `borders` documents their purpose.

They have no annotations: numba takes the types from the signatures, and mypy would find errors
where numba has none.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from hashmatch.jit import compiled

from .loops import PLANE

# The largest difference of a border pixel from the border's colour, of 255.
_TOLERANCE = np.float32(20)
# Thinner borders hardly change a hash, and a smaller inside shows too little to compare.
_MIN_BORDER_SHARE, _MIN_INSIDE_SHARE, _MIN_INSIDE = 0.01, 0.1, 16


@register_jitable
def _count_lines(lines):
    """Return the number of leading lines that are as uniform as the first, and of its colour."""
    first = lines[0]
    lowest, highest = first[0], first[0]
    for x in range(len(first)):
        lowest, highest = min(lowest, first[x]), max(highest, first[x])
    if highest - lowest > 2 * _TOLERANCE:
        return 0
    colour = np.median(first)
    for number in range(len(lines)):
        line = lines[number]
        for x in range(len(line)):
            if abs(line[x] - colour) > _TOLERANCE:
                return number
    return len(lines)


@register_jitable
def _inside(plane, left, top, right, bottom, corner, found):
    """Fill the box inside the borders of another, and say whether there is a worthwhile one.

    `corner` is the share of each side at either end that is not looked at.
    """
    wide, tall = right - left, bottom - top
    across, down = int(corner * wide), int(corner * tall)
    upright = plane[top:bottom, left + across : right - across]
    above = _count_lines(upright)
    if above >= tall:
        return False
    below = _count_lines(upright[::-1])
    if above + below >= tall:  # Two colours that run into each other.
        return False
    if across == 0:
        level = plane[top + above : bottom - below, left:right].T
    else:
        level = plane[top + down : bottom - down, left:right].T
    before = _count_lines(level)
    if before >= wide:
        return False
    after = _count_lines(level[::-1])
    inner_wide, inner_tall = wide - before - after, tall - above - below
    if inner_wide < max(_MIN_INSIDE, _MIN_INSIDE_SHARE * wide):
        return False
    if inner_tall < max(_MIN_INSIDE, _MIN_INSIDE_SHARE * tall):
        return False
    if max(max(before, after) / wide, max(above, below) / tall) < _MIN_BORDER_SHARE:
        return False
    # Reducing the picture has mixed the outermost pixels with the border.
    found[0], found[1] = left + before + (before > 0), top + above + (above > 0)
    found[2], found[3] = right - after - (after > 0), bottom - below - (below > 0)
    return True


@compiled(f"int64({PLANE}, int64[::1], int64, float64, int64[:, ::1])")
def find_within(plane, box, limit, corner, found):
    """Fill the boxes inside the borders of a box, of that, and so on; return their number."""
    number = 0
    left, top, right, bottom = box
    while number < limit and min(right - left, bottom - top) >= _MIN_INSIDE:
        if not _inside(plane, left, top, right, bottom, corner, found[number]):
            break
        left, top, right, bottom = found[number]
        number += 1
    return number
