"""Decoding: from the bytes of a file to the pictures that viewers show of it, within limits."""

from .borders import Box, find_inner, is_border_empty
from .decoder import Decoder, Frame, open_decoder
from .in_memory import open_picture
from .jxl import load_jxl
from .png_still import load_png
from .recognition import recognise
from .rendering import Rendering, render
from .webp_still import load_webp

__all__ = [
    "Box",
    "Decoder",
    "Frame",
    "Rendering",
    "find_inner",
    "is_border_empty",
    "load_jxl",
    "load_png",
    "load_webp",
    "open_decoder",
    "open_picture",
    "recognise",
    "render",
]
