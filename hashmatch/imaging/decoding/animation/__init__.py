"""Animations composed as browsers compose them, over frames that Pillow decodes one by one."""

from .canvas import Animation, Blend, Disposal, Part
from .gif import walk_gif
from .webp import walk_webp

__all__ = ["Animation", "Blend", "Disposal", "Part", "walk_gif", "walk_webp"]
