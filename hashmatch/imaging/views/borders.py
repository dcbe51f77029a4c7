"""Borders within a plane: what is inside them, border after border.

As `decoding.borders` finds those of a whole picture, but for many parts of one plane: for the parts
alone, that took eight times as long.
"""

from __future__ import annotations

import numpy as np

from .sampling import Area, Floats, read_only

# The share of a side at either end that a rounded corner may take.
_CORNER = 0.2


def within_borders(plane: Floats, area: Area, limit: int) -> list[Area]:
    """Return the area inside the uniform borders of another, inside the borders of that, and on."""
    return _find(plane, area, limit, corner=0)


def inside_of(plane: Floats, area: Area) -> list[Area]:
    """Return the area inside all uniform borders of another, which may have rounded corners."""
    inside = within_borders(plane, area, 2)[-1:]
    # Away from the corners, a border is as uniform as any.
    return inside or _find(plane, area, 1, corner=_CORNER)


def _find(plane: Floats, area: Area, limit: int, *, corner: float) -> list[Area]:
    from .border_loops import find_within

    found = np.empty((limit, 4), np.int64)
    box = np.array(area).astype(np.int64)
    number = find_within(read_only(plane), box, limit, corner, found)
    return [(left, top, right, bottom) for left, top, right, bottom in found[:number].tolist()]
