"""Plane that the views of one picture share, with what several of them read from it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .sampling import Area, Floats, extend, read_only, reduce_to_square

# Pixels on each side of one whose texture is measured.
_TEXTURE_REACH = 3


class Plane:
    """Brightness of a picture, or of a part seen from the front, of shape (height, width)."""

    def __init__(self, pixels: Floats) -> None:
        self.pixels = pixels

    @property
    def whole(self) -> Area:
        """Area of all of the plane."""
        height, width = self.pixels.shape
        return 0.0, 0.0, float(width), float(height)

    @cached_property
    def margined(self) -> Floats:
        """All of the plane by way of 320 by 320 cells, with continued edges; see `sample_maps`."""
        return extend(reduce_to_square(self.pixels))

    @cached_property
    def texture(self) -> Floats:
        """One more than the standard deviation of the pixels around each pixel."""
        from .rectangle_loops import measure_texture

        texture = np.empty_like(self.pixels)
        measure_texture(read_only(self.pixels), _TEXTURE_REACH, texture)
        return texture

    @cached_property
    def texture_sums(self) -> NDArray[np.float64]:
        """Running sums of the logarithm of the texture, of one more row and column."""
        from .rectangle_loops import sum_up

        height, width = self.pixels.shape
        running = np.empty((height + 1, width + 1))
        sum_up(read_only(np.log(self.texture)), running)
        return running
