"""Pixels as numbers, and smooth random fields, which several alterations need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def to_floats(picture: Image.Image) -> Floats:
    """Return the pixels as numbers from 0 to 255, of shape (height, width, 3)."""
    return np.asarray(picture, np.float32)


def to_picture(pixels: NDArray[np.floating[Any]]) -> Image.Image:
    """Return an RGB picture of such numbers, cut off at 0 and 255."""
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def smooth_field(generator: np.random.Generator, cells: int, width: int, height: int) -> Floats:
    """Return smooth noise between about -1 and 1, of shape (height, width)."""
    grid = generator.uniform(-1, 1, (cells, cells)).astype(np.float32)
    field = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(field, np.float32)


def noise(generator: np.random.Generator, shape: tuple[int, ...], strength: float) -> Floats:
    """Return normal noise of that standard deviation."""
    return generator.standard_normal(shape, np.float32) * np.float32(strength)


def sampled(pixels: Floats, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> Floats:
    """Return the pixels at those places, between which it interpolates; edges go on outside."""
    height, width = pixels.shape[:2]
    x_inside, y_inside = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x_inside.astype(np.intp), y_inside.astype(np.intp)
    across = (x_inside - left).astype(np.float32)[..., None]
    down = (y_inside - top).astype(np.float32)[..., None]
    above = pixels[top, left] * (1 - across) + pixels[top, left + 1] * across
    below = pixels[top + 1, left] * (1 - across) + pixels[top + 1, left + 1] * across
    result: Floats = above * (1 - down) + below * down
    return result


def places(width: int, height: int) -> tuple[Floats, Floats]:
    """Return the x and the y of each pixel, both of shape (height, width)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x, y
