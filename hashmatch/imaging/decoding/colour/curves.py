"""Transfer functions and primaries by their code points (ITU-T H.273, tables 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .declared import D65, SRGB_CHROMATICITIES, Chromaticities

Floats: TypeAlias = NDArray[np.float64]

_ILLUMINANT_C, _DCI_WHITE, _EQUAL_ENERGY = (0.310, 0.316), (0.314, 0.351), (1 / 3, 1 / 3)
_PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB_CHROMATICITIES,
    4: (_ILLUMINANT_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: (_ILLUMINANT_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    10: (_EQUAL_ENERGY, (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: (_DCI_WHITE, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
BT_2020_PRIMARIES = 9
PQ, HLG = 16, 18


def _srgb(encoded: Floats) -> Floats:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _bt_1886(encoded: Floats) -> Floats:
    return encoded**2.4


def _smpte_240m(encoded: Floats) -> Floats:
    return np.where(encoded < 0.0913, encoded / 4, ((encoded + 0.1115) / 1.1115) ** (1 / 0.45))


# From encoded samples to light, both 0 to 1, as Chromium shows them: the curves of television as
# screens decode them (ITU-R BT.1886), and unknown ones, the logarithmic ones among them, as sRGB.
TRANSFERS: dict[int, Callable[[Floats], Floats]] = {
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _bt_1886),
    **dict.fromkeys((2, 9, 10, 13), _srgb),
    4: lambda encoded: encoded**2.2,
    5: lambda encoded: encoded**2.8,
    7: _smpte_240m,
    8: lambda encoded: encoded,
    17: lambda encoded: encoded**2.6 * 52.37 / 48,
}

SRGB_TRANSFER = 13


def primaries_of(code_point: int) -> Chromaticities:
    """Return the primaries of a code point; as in browsers those of sRGB for an unknown one."""
    return _PRIMARIES.get(code_point, SRGB_CHROMATICITIES)


def to_srgb(light: Floats) -> Floats:
    """Return light, clipped to 0 to 1, as sRGB samples from 0 to 1."""
    clipped = np.clip(light, 0, 1)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def rgb_to_xyz(chromaticities: Chromaticities) -> Floats:
    """Return the matrix from linear RGB to CIE XYZ, in which white has a Y of 1.

    Raises `np.linalg.LinAlgError` or `ZeroDivisionError` for chromaticities that span no colours.
    """
    white, *primaries = [np.array([x / y, 1, (1 - x - y) / y]) if y else np.array([x, y, 1 - x - y])
                         for x, y in chromaticities]  # fmt: skip
    columns = np.stack(primaries, axis=1)
    scales = np.linalg.solve(columns, white)
    matrix: Floats = columns * scales
    return matrix
