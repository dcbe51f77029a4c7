"""Compiled loop that turns floats into the bytes of a picture."""

from __future__ import annotations

import numpy as np

from hashmatch.jit import compiled


@compiled("void(Array(float32, 1, 'C', readonly=True), uint8[::1], float32[::1])")
def to_bytes(values, pixels, extent):  # type: ignore[no-untyped-def]
    """Write 255 times each value, rounded and cut off, and the least and greatest value.

    What is no number is black, and counts as nothing.
    """
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for place in range(len(values)):
        value = values[place]
        if value != value:
            value = np.float32(0)
        low, high = min(low, value), max(high, value)
        scaled = np.rint(value * np.float32(255))
        pixels[place] = np.uint8(min(max(scaled, np.float32(0)), np.float32(255)))
    extent[0], extent[1] = low, high
