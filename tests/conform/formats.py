"""Kinds of files that are drawn."""

from __future__ import annotations

from .avifs import AVIF
from .bmps import BMP
from .gifs import GIF
from .icons import ICO
from .jpegs import JPEG
from .jxls import JXL
from .pngs import PNG
from .recipes import Format
from .webps import WEBP

FORMATS: tuple[Format, ...] = (PNG, GIF, BMP, JPEG, WEBP, AVIF, ICO, JXL)
