"""High dynamic range: PQ and HLG as browsers map them for an ordinary screen.

Sources: ITU-R BT.2100-3 (PQ, HLG and its system gamma), SMPTE ST 2094-50 (the tone mapping by
reference white, annex C). The curve was held against what Chromium 156 shows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import ImageFilter

from .curves import BT_2020_PRIMARIES, HLG, PQ, Floats, primaries_of, rgb_to_xyz, to_srgb
from .declared import SRGB_CHROMATICITIES

# Of each axis of the table of colours.
_TABLE_SIDE = 33
# The brightness of white paper and, where nothing else is said, of the brightest part, in cd/m².
_REFERENCE_WHITE, _PEAK = 203.0, 1000.0
_BT_2020 = primaries_of(BT_2020_PRIMARIES)
# The curve is straight up to white, which is shown at half of the screen's brightness, and then a
# quadratic Bézier curve to the peak.
_WHITE = 0.5
_KNEE = 0.65
_STEPS = np.linspace(0, 1, 256)


@lru_cache(maxsize=8)
def table_to_srgb(primaries: int, transfer: int) -> ImageFilter.Color3DLUT:
    """Return the table from encoded RGB to sRGB."""
    axis = np.linspace(0, 1, _TABLE_SIDE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    encoded = np.stack((red, green, blue), axis=-1).reshape(-1, 3)
    to_bt_2020 = _matrix(rgb_to_xyz(_BT_2020), rgb_to_xyz(primaries_of(primaries)))
    own = _pq_light(encoded) if transfer == PQ else _hlg_light(encoded, primaries)
    light = own @ to_bt_2020.T
    mapped = light * _gain(light.max(axis=1))[:, None]
    shown = mapped @ to_srgb_primaries(BT_2020_PRIMARIES).T
    return ImageFilter.Color3DLUT(_TABLE_SIDE, to_srgb(shown).ravel().tolist())


def is_hdr(transfer: int) -> bool:
    """Say whether a transfer function is one of high dynamic range."""
    return transfer in (PQ, HLG)


def light_by_sample(transfer: int) -> Floats:
    """Return the light of each sample from 0 to 255 in units of reference white.

    That of HLG follows each component by itself, which is exact for greys.
    """
    samples = np.linspace(0, 1, 256)
    return (
        _pq_light(samples)
        if transfer == PQ
        else _hlg_light(np.stack([samples] * 3, 1), BT_2020_PRIMARIES)[:, 0]
    )


def to_srgb_primaries(primaries: int) -> Floats:
    """Return the matrix from linear RGB to that of sRGB."""
    return _matrix(rgb_to_xyz(SRGB_CHROMATICITIES), rgb_to_xyz(primaries_of(primaries)))


def _matrix(target: Floats, source: Floats) -> Floats:
    return np.linalg.solve(target, source).astype(np.float64)


def _pq_light(encoded: Floats) -> Floats:
    """Return light in units of reference white."""
    power = encoded ** (32 / 2523)
    above, below = np.maximum(power - 107 / 128, 0), 2413 / 128 - 2392 / 128 * power
    light: Floats = (above / below) ** (16384 / 2610) * 10_000 / _REFERENCE_WHITE
    return light


def _hlg_light(encoded: Floats, primaries: int) -> Floats:
    """Return light in units of reference white, on a screen that reaches the peak."""
    bright = (np.exp((encoded - 0.55991073) / 0.17883277) + 0.28466892) / 12
    scene = np.where(encoded <= 0.5, encoded**2 / 3, bright)
    luminance = scene @ rgb_to_xyz(primaries_of(primaries))[1]
    light: Floats = scene * luminance[:, None] ** 0.2 * _PEAK / _REFERENCE_WHITE
    return light


def _gain(brightest: Floats) -> Floats:
    """Return the factor of each colour, by the brightest of its components."""
    peak = _PEAK / _REFERENCE_WHITE
    knee_x = (1 - _KNEE) + _KNEE / _WHITE
    knee_y = (1 - _KNEE) * _WHITE + _KNEE
    back = 1 - _STEPS
    curve_x = back**2 + 2 * _STEPS * back * knee_x + _STEPS**2 * peak
    curve_y = back**2 * _WHITE + 2 * _STEPS * back * knee_y + _STEPS**2
    mapped = np.where(brightest <= 1, brightest * _WHITE, np.interp(brightest, curve_x, curve_y))
    gain: Floats = np.divide(mapped, brightest, out=np.ones_like(brightest), where=brightest > 0)
    return gain
