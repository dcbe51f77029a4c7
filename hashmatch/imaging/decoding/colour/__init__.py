"""Colour: what a file says about its colours, and its pictures in sRGB, as screens show them."""

from .declared import Calibration, Coded, Colour, Declared, GainMap, GainParameters, Profile
from .managing import has_effect, is_steep, keeps_detail, magnifies_rounding, manage
from .profiles import find_readings

__all__ = [
    "Calibration",
    "Coded",
    "Colour",
    "Declared",
    "GainMap",
    "GainParameters",
    "Profile",
    "find_readings",
    "has_effect",
    "is_steep",
    "keeps_detail",
    "magnifies_rounding",
    "manage",
]
