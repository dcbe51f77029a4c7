"""Maps that undo turns, cuts and perspective, from the unit square of a view to that of a plane."""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from hashmatch.hashes import Orientation

from .sampling import Map

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class Cut(Enum):
    """Fate of the corners of a turned picture."""

    SAME_SIZE = "same size"  # cut off by a canvas of the same size
    EXPANDED = "expanded"  # on a larger canvas that holds all of the picture
    FITTED = "fitted"  # cut off with the empty corners, to the largest canvas without any


def box_map(left: float, top: float, right: float, bottom: float) -> Map:
    """Return the map to a box of the unit square, which may reach beyond it."""
    return np.array([[right - left, 0, left], [0, bottom - top, top], [0, 0, 1]], np.float64)


def oriented_map(orientation: Orientation) -> Map:
    """Return the map of a picture turned or mirrored, from its unit square to the given one's."""
    return np.array([*_ORIENTED[orientation], (0, 0, 1)], np.float64)


# Where (u, v) of a turned picture is in the given one: the rows of x and of y.
_ORIENTED = {
    Orientation.ORIGINAL: ((1, 0, 0), (0, 1, 0)),
    Orientation.ROTATE_90: ((0, 1, 0), (-1, 0, 1)),
    Orientation.ROTATE_180: ((-1, 0, 1), (0, -1, 1)),
    Orientation.ROTATE_270: ((0, -1, 1), (1, 0, 0)),
    Orientation.FLIP_X: ((-1, 0, 1), (0, 1, 0)),
    Orientation.FLIP_Y: ((1, 0, 0), (0, -1, 1)),
    Orientation.TRANSPOSE: ((0, 1, 0), (1, 0, 0)),
    Orientation.TRANSVERSE: ((0, -1, 1), (-1, 0, 1)),
}


def turned_map(degrees: float, width: int, height: int, cut: Cut) -> Map | None:
    """Return the map of the picture before it was turned clockwise; None where there is none.

    `width` and `height` are those of the turned picture, in any unit.
    """
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    upright = _upright_size(abs(angle), width, height, cut)
    if min(upright) <= 0:
        return None
    turn = np.array([[cosine, -sine], [sine, cosine]]) * upright / np.array([[width], [height]])
    place = np.eye(3)
    place[:2, :2] = turn
    place[:2, 2] = 0.5 - turn.sum(axis=1) / 2
    return place


def _upright_size(angle: float, width: int, height: int, cut: Cut) -> tuple[float, float]:
    """Return the size of the picture before it was turned by an angle in radians, 0 or more."""
    cosine, sine = math.cos(angle), math.sin(angle)
    if cut is Cut.SAME_SIZE:
        return width, height
    if cut is Cut.EXPANDED:
        spread = cosine**2 - sine**2
        return (width * cosine - height * sine) / spread, (height * cosine - width * sine) / spread
    # The canvas has the shape of the picture.
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return width / share, height / share


def corners_map(corners: Corners) -> Map:
    """Return the map of a view to four corners: top left, top right, bottom right, bottom left."""
    equations, values = [], []
    square = ((0, 0), (1, 0), (1, 1), (0, 1))
    for (u, v), (x, y) in zip(square, corners, strict=True):
        equations.append([u, v, 1, 0, 0, 0, -u * x, -v * x])
        equations.append([0, 0, 0, u, v, 1, -u * y, -v * y])
        values += [x, y]
    solution = np.linalg.solve(np.array(equations, np.float64), np.array(values, np.float64))
    return np.append(solution, 1.0).reshape(3, 3)
