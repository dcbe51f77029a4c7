"""Kinds of files that are drawn."""

from __future__ import annotations

from .bmps import BMP
from .gifs import GIF
from .jpegs import JPEG
from .pngs import PNG
from .recipes import Format
from .webps import WEBP

FORMATS: tuple[Format, ...] = (PNG, GIF, BMP, JPEG, WEBP)
