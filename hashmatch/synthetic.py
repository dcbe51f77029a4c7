"""Synthetic pictures drawn from a seed, in place of photographs in demo, tests and benchmarks."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

# Grid sizes of the noise with their weights: photographs have more of the coarse detail.
_OCTAVES = ((3, 90.0), (6, 60.0), (12, 36.0), (24, 20.0), (64, 10.0), (160, 5.0))
_SHAPES = 9


def draw_picture(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """Return an RGB picture of coloured clouds with some shapes in it.

    The same seed and size give the same picture. Pictures of different seeds differ about as much
    as photographs of different subjects.
    """
    rng = np.random.default_rng(seed)
    light = np.full((height, width), 128.0)
    for cells, weight in _OCTAVES:
        light += weight * _noise(rng, cells, width, height)
    tints = [18 * _noise(rng, 4, width, height) for _ in range(3)]
    pixels = np.clip(np.stack([light + tint for tint in tints], axis=2), 0, 255)
    picture = Image.fromarray(pixels.astype(np.uint8))
    _draw_shapes(ImageDraw.Draw(picture, "RGBA"), rng, width, height)
    return picture


def _noise(rng: np.random.Generator, cells: int, width: int, height: int) -> np.ndarray:
    """Return smooth noise between about -1 and 1, of shape (height, width)."""
    grid = Image.fromarray((rng.random((cells, cells)) * 2 - 1).astype(np.float32))
    return np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), np.float64)


def _draw_shapes(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int
) -> None:
    for number in range(_SHAPES):
        x, y = rng.random() * width, rng.random() * height
        across, down = (0.1 + 0.3 * rng.random()) * width, (0.1 + 0.3 * rng.random()) * height
        box = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
        red, green, blue = (int(part) for part in rng.random(3) * 255)
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape(box, fill=(red, green, blue, 150))
