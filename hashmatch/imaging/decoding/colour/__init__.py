"""Colour: what a file says about its colours, and its pictures in sRGB, as screens show them."""

from .declared import Calibration, Coded, Colour, Profile
from .managing import has_effect, keeps_detail, magnifies_rounding, manage

__all__ = [
    "Calibration",
    "Coded",
    "Colour",
    "Profile",
    "has_effect",
    "keeps_detail",
    "magnifies_rounding",
    "manage",
]
