"""Colour as files declare it: by an ICC profile, by code points, or by gamma and primaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

# Chromaticities (x, y) of white, red, green and blue.
Chromaticities: TypeAlias = tuple[
    tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]
]
D65 = (0.3127, 0.3290)
SRGB_CHROMATICITIES: Chromaticities = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))

# Numbers beyond these are those of no screen.
_MAX_STOPS, _MIN_GAMMA, _MAX_LESSER_STOPS = 64.0, 1 / 64, 1.0


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


Declared: TypeAlias = Profile | Coded | Calibration


@dataclass(frozen=True, slots=True)
class GainParameters:
    """The numbers of a gain map: headrooms and gains as powers of two, for red, green and blue.

    A headroom is the brightness of the brightest part of a rendition in units of white.
    """

    base_headroom: float
    other_headroom: float
    minima: tuple[float, ...]
    maxima: tuple[float, ...]
    gammas: tuple[float, ...]
    base_offsets: tuple[float, ...]
    other_offsets: tuple[float, ...]

    def is_usable(self) -> bool:
        """Say whether another rendition can be calculated."""
        gains = (*self.minima, *self.maxima, self.base_headroom, self.other_headroom)
        return (
            self.base_headroom != self.other_headroom
            # One of the renditions has to be that of an ordinary screen, as far as it goes.
            and abs(min(self.base_headroom, self.other_headroom)) <= _MAX_LESSER_STOPS
            and all(abs(one) <= _MAX_STOPS for one in gains)
            and all(abs(one) <= 1 for one in (*self.base_offsets, *self.other_offsets))
            and all(_MIN_GAMMA <= one <= 1 / _MIN_GAMMA for one in self.gammas)
        )


@dataclass(frozen=True, slots=True)
class GainMap:
    """Another rendition of a picture: the parameters, the map in RGB, and the picture's colours.

    `weight` is 1 for the other rendition, and less for one between, which a screen of less range
    shows.
    """

    parameters: GainParameters
    size: tuple[int, int]
    pixels: bytes = field(repr=False)
    base: Declared | None = None
    weight: float = 1.0


Colour: TypeAlias = Declared | GainMap
