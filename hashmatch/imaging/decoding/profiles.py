"""Colour profiles, which are left alone unless they make another picture of what is stored."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# How far a profile may move a grey, of 255. Linear ones, which are honest, move some by 70.
_FARTHEST = 100
# By how much one grey may fall behind a darker one, for rounding.
_FALL = 2


@lru_cache(maxsize=64)
def is_another_picture(profile: bytes) -> bool:
    """Say whether a profile turns light into dark, or nearly so, in viewers that apply it.

    One that no viewer can read, or that is for inks, is left alone as they do.
    """
    if not profile:
        return False
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "L" if source.profile.xcolor_space.strip() == "GRAY" else "RGB"
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB")
        greys = Image.fromarray(np.arange(256, dtype=np.uint8)[None, :]).convert(mode)
        shown = ImageCms.applyTransform(greys, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    if shown is None:
        return False
    levels = np.asarray(shown.convert("L"), np.int64)[0]
    falls = np.maximum.accumulate(levels) - levels
    return bool(falls.max() > _FALL or np.abs(levels - np.arange(256)).max() > _FARTHEST)
