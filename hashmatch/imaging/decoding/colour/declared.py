"""Colour as files declare it: by an ICC profile, by code points, or by gamma and primaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

# Chromaticities (x, y) of white, red, green and blue.
Chromaticities: TypeAlias = tuple[
    tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]
]
D65 = (0.3127, 0.3290)
SRGB_CHROMATICITIES: Chromaticities = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


@dataclass(frozen=True, slots=True)
class Profile:
    """An ICC profile (ICC.1:2022), unchecked."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Coded:
    """Code points of primaries and of the transfer function (ITU-T H.273): cICP or nclx."""

    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The exponent that samples were encoded with (about 1/2.2), and chromaticities.

    As in the chunks gAMA and cHRM of PNG, and in bitmap headers.
    """

    exponent: float
    chromaticities: Chromaticities = SRGB_CHROMATICITIES


Colour: TypeAlias = Profile | Coded | Calibration
