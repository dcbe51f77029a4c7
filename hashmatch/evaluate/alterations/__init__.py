"""Catalogue of alterations: what people do to pictures, drawn from a seed.

`CATALOGUE` holds all of them in order; results of one `CATALOGUE_VERSION` can be compared. Nothing
in it needs a picture of others: collages and screens draw what is missing.
"""

from __future__ import annotations

from . import (
    borders,
    camera,
    overlays,
    panels,
    processing,
    screens,
    shapes,
)
from .interface import (
    MAX_SIDE_PX,
    Alteration,
    Encoding,
    Group,
    Surroundings,
    reduced,
)

__all__ = (
    "CATALOGUE",
    "CATALOGUE_VERSION",
    "MAX_SIDE_PX",
    "Alteration",
    "Encoding",
    "Group",
    "Surroundings",
    "reduced",
)

CATALOGUE_VERSION = 1
CATALOGUE: tuple[Alteration, ...] = (
    *processing.ALTERATIONS,
    *shapes.ALTERATIONS,
    *borders.ALTERATIONS,
    *panels.ALTERATIONS,
    *screens.ALTERATIONS,
    *overlays.ALTERATIONS,
    *camera.ALTERATIONS,
)
