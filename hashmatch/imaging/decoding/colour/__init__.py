"""Colour: what a file says about its colours, and its pictures in sRGB, as screens show them."""

from .declared import Calibration, Coded, Colour, Declared, GainMap, GainParameters, Profile
from .managing import has_effect, is_steep, keeps_detail, magnifies_rounding, manage

__all__ = [
    "Calibration",
    "Coded",
    "Colour",
    "Declared",
    "GainMap",
    "GainParameters",
    "Profile",
    "has_effect",
    "is_steep",
    "keeps_detail",
    "magnifies_rounding",
    "manage",
]
