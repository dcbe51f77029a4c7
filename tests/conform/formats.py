"""Kinds of files that are drawn."""

from __future__ import annotations

from .avifs import AVIF
from .bmps import BMP
from .gifs import GIF
from .icons import ICO
from .jpegs import JPEG
from .jxls import JXL
from .others import HEIF, JPEG_2000, NETPBM, TGA
from .pngs import PNG
from .recipes import Format
from .tiffs import TIFF
from .webps import WEBP

# Those that browsers show, and those that they do not.
FORMATS: tuple[Format, ...] = (PNG, GIF, BMP, JPEG, WEBP, AVIF, ICO, JXL)
OTHER_FORMATS: tuple[Format, ...] = (TIFF, HEIF, JPEG_2000, TGA, NETPBM)
