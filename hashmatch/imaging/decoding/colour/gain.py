"""The other rendition of a picture with a gain map (ISO 21496-1:2025, section 6)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .curves import Floats, to_srgb
from .declared import GainMap

# Rows are calculated in groups of about so many pixels.
_GROUP_PIXELS = 1 << 18
# The samples from 0 to 1 for which encoded values are tabulated.
_STEPS = 8192


def apply_gain(
    picture: Image.Image, gain: GainMap, light_of: Floats, to_shown: Floats
) -> Image.Image:
    """Return the rendition of an RGB picture by its gain map, scaled to what its screen shows.

    `light_of` has the light of each sample in units of white, of shape (256,), and `to_shown` is
    the matrix from the picture's linear RGB to that of sRGB.
    """
    own = gain.parameters
    width, height = picture.size
    spread = Image.frombytes("RGB", gain.size, gain.pixels).resize(
        picture.size, Image.Resampling.BILINEAR
    )
    factors = _factors(gain)
    headroom = own.base_headroom + gain.weight * (own.other_headroom - own.base_headroom)
    scale = np.float32((_STEPS - 1) / 2 ** max(0.0, headroom))
    encoded = (to_srgb(np.linspace(0, 1, _STEPS)) * 255).round().astype(np.uint8)
    base_offset, other_offset, light, matrix = (
        np.array(one, np.float32)
        for one in (own.base_offsets, own.other_offsets, light_of, to_shown.T)
    )
    samples, gains = np.asarray(picture), np.asarray(spread)
    shown = np.empty((height, width, 3), np.uint8)
    for rows in _groups(width, height):
        factor = np.stack([factors[one][gains[rows, :, one]] for one in range(3)], axis=-1)
        other = (light[samples[rows]] + base_offset) * factor - other_offset
        steps = np.clip(other @ matrix * scale, 0, _STEPS - 1)
        shown[rows] = encoded[steps.astype(np.uint16)]
    return Image.fromarray(shown)


def _factors(gain: GainMap) -> NDArray[np.float32]:
    """Return the factor of each sample of the gain map, of shape (3, 256)."""
    own = gain.parameters
    stored = np.arange(256) / 255
    sign = math.copysign(gain.weight, own.other_headroom - own.base_headroom)
    logs = [
        low + (high - low) * stored ** (1 / gamma)
        for low, high, gamma in zip(own.minima, own.maxima, own.gammas, strict=True)
    ]
    return np.exp2(np.stack(logs) * sign).astype(np.float32)


def _groups(width: int, height: int) -> Iterator[slice]:
    step = max(1, _GROUP_PIXELS // max(1, width))
    for first in range(0, height, step):
        yield slice(first, first + step)
