"""Animations composed as browsers compose them, over frames that Pillow decodes one by one."""

from .canvas import Animation, Blend, Disposal, Part
from .gif import walk_gif
from .webp import read_webp_frame

__all__ = [
    "Animation",
    "Blend",
    "Disposal",
    "Part",
    "read_webp_frame",
    "walk_gif",
]
