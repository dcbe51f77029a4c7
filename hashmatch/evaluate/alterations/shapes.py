"""Turns, crops and distortions: where in the picture its parts are."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageOps

from .interface import Alteration, Draw, Group, Surroundings
from .pixels import (
    places,
    sampled,
    smooth_field,
    to_floats,
    to_picture,
)

_WARP_CELLS = 5
_BARREL = 0.05

Corners = tuple[tuple[float, float], ...]


def corners_of(size: tuple[int, int]) -> Corners:
    """Return the corners of a rectangle at the origin, from the top left clockwise."""
    width, height = size
    return (0, 0), (width, 0), (width, height), (0, height)


def projected(
    picture: Image.Image, source: Corners, target: Corners, size: tuple[int, int]
) -> Image.Image:
    """Return a picture of that size in which what was between `source` is between `target`.

    Both are four corners in pixels, in the same order; black is outside the picture.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solution = np.linalg.solve(np.array(rows, np.float64), np.array(values, np.float64))
    return picture.transform(
        size, Image.Transform.PERSPECTIVE, solution.tolist(), Image.Resampling.BICUBIC
    )


def warped(picture: Image.Image, surroundings: Surroundings, share: float) -> Image.Image:
    """Return the picture with its parts moved smoothly, by up to that share of its longer side."""
    width, height = picture.size
    x, y = places(width, height)
    reach = share * max(picture.size)
    across = smooth_field(surroundings.generator, _WARP_CELLS, width, height) * reach
    down = smooth_field(surroundings.generator, _WARP_CELLS, width, height) * reach
    return to_picture(sampled(to_floats(picture), x + across, y + down))


def _transposed(method: Image.Transpose) -> Draw:
    return lambda picture, _: picture.transpose(method)


def _inverted(picture: Image.Image, _: Surroundings) -> Image.Image:
    return ImageOps.invert(picture)


def _turned(degrees: float, colour: str, *, is_expanded: bool) -> Draw:
    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        angle = degrees * surroundings.one_of((-1, 1))
        return picture.rotate(angle, Image.Resampling.BICUBIC, expand=is_expanded, fillcolor=colour)

    return draw


def _turned_and_cut(degrees: float) -> Draw:
    """Return a turn after which the largest rectangle without corners is left."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        turned = picture.rotate(
            degrees * surroundings.one_of((-1, 1)), Image.Resampling.BICUBIC, expand=True
        )
        width, height = _largest_inside(*picture.size, math.radians(degrees))
        left, top = (turned.width - width) / 2, (turned.height - height) / 2
        box = (round(left), round(top), round(left + width), round(top + height))
        return turned.crop(box)

    return draw


def _largest_inside(width: float, height: float, angle: float) -> tuple[float, float]:
    """Return the size of the largest upright rectangle of the same proportions in a turned one."""
    sine, cosine = math.sin(angle), math.cos(angle)
    scale = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return width * scale, height * scale


def _cropped_on_one_side(share: float) -> Draw:
    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width, height = picture.size
        side = surroundings.whole(0, 3)
        box = [0, 0, width, height]
        size = width if side in (0, 2) else height
        cut = max(1, round(size * share))
        box[side] += cut if side < 2 else -cut
        return picture.crop((box[0], box[1], box[2], box[3]))

    return draw


def _cropped_about_the_centre(share: float) -> Draw:
    """Return a crop of that share of the width and of the height, half of it on each side."""

    def draw(picture: Image.Image, _: Surroundings) -> Image.Image:
        across = max(1, round(picture.width * share / 2))
        down = max(1, round(picture.height * share / 2))
        return picture.crop((across, down, picture.width - across, picture.height - down))

    return draw


def _square(picture: Image.Image, _: Surroundings) -> Image.Image:
    # A picture that is square already loses a quarter, or nothing would be cut.
    size = min(picture.size)
    if max(picture.size) < size * 1.1:
        return ImageOps.fit(picture, (size, round(size * 0.75)))
    return ImageOps.fit(picture, (size, size))


def _seen_from_the_side(share: float) -> Draw:
    """Return a perspective that makes one side shorter by that share, cut to fit."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width, height = picture.size
        across, down = width * share / 2, height * share / 2
        corners: Corners = surroundings.one_of(
            (
                ((across, 0), (width - across, 0), (width, height), (0, height)),
                ((0, 0), (width, 0), (width - across, height), (across, height)),
                ((0, down), (width, 0), (width, height), (0, height - down)),
                ((0, 0), (width, down), (width, height - down), (0, height)),
            )
        )
        return projected(picture, corners, corners_of(picture.size), picture.size)

    return draw


def _barrel(picture: Image.Image, _: Surroundings) -> Image.Image:
    """Return the picture bulging as through a wide lens, filling its rectangle."""
    width, height = picture.size
    x, y = places(width, height)
    right, below = (x - width / 2) / (width / 2), (y - height / 2) / (height / 2)
    scale = (1 + _BARREL * (right**2 + below**2)) / (1 + 2 * _BARREL)
    middle_x, middle_y = np.float32(width / 2), np.float32(height / 2)
    return to_picture(
        sampled(
            to_floats(picture), right * scale * middle_x + middle_x,
            below * scale * middle_y + middle_y,
        )
    )  # fmt: skip


def _crop_group(share: float) -> Group:
    if share <= 0.035:
        return Group.CROP_SMALL
    if share <= 0.05:
        return Group.CROP_5
    return Group.CROP_10 if share <= 0.1 else Group.CROP_LARGE


def _cut_group(degrees: float) -> Group:
    if degrees <= 2:
        return Group.TURNED_CUT_2
    return Group.TURNED_CUT_3 if degrees <= 3 else Group.TURNED_CUT_MORE


_ORIENTATIONS = (
    ("turned by 90°", Image.Transpose.ROTATE_90),
    ("turned by 180°", Image.Transpose.ROTATE_180),
    ("turned by 270°", Image.Transpose.ROTATE_270),
    ("mirrored left to right", Image.Transpose.FLIP_LEFT_RIGHT),
    ("mirrored top to bottom", Image.Transpose.FLIP_TOP_BOTTOM),
    ("mirrored about a diagonal", Image.Transpose.TRANSPOSE),
    ("mirrored about the other diagonal", Image.Transpose.TRANSVERSE),
)
_ANGLES = (1, 2, 3, 5, 7)
_SHARES = (0.02, 0.035, 0.05, 0.1, 0.15, 0.2)

ALTERATIONS = (
    *(Alteration(name, Group.ORIENTATION, _transposed(one)) for name, one in _ORIENTATIONS),
    Alteration("inverted", Group.ORIENTATION, _inverted),
    *(Alteration(f"turned by {one}°, black corners", Group.TURNED_WITH_CORNERS,
                 _turned(one, "black", is_expanded=False)) for one in _ANGLES),
    *(Alteration(f"turned by {one}°, expanded over white", Group.TURNED_WITH_CORNERS,
                 _turned(one, "white", is_expanded=True)) for one in _ANGLES),
    *(Alteration(f"turned by {one}°, cut to fit", _cut_group(one), _turned_and_cut(one))
      for one in _ANGLES),
    *(Alteration(f"cropped by {one * 100:g} % on one side", _crop_group(one),
                 _cropped_on_one_side(one)) for one in _SHARES),
    *(Alteration(f"cropped by {one * 100:g} % about the centre", _crop_group(one),
                 _cropped_about_the_centre(one)) for one in _SHARES),
    Alteration("square cut", Group.CROP_LARGE, _square),
    Alteration("perspective of 5 %", Group.PERSPECTIVE_SMALL, _seen_from_the_side(0.05)),
    Alteration("perspective of 10 %", Group.DISTORTION, _seen_from_the_side(0.1)),
    Alteration("barrel", Group.DISTORTION, _barrel),
)  # fmt: skip
