"""Colour profiles: ignored unless they turn the stored picture into another one."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# The largest shift of a grey, of 255. Profiles with a linear curve are legitimate and reach 70.
_MAX_SHIFT = 100
# How far a grey may come out below a darker one, which allows for rounding.
_MAX_FALL = 2


@lru_cache(maxsize=64)
def changes_picture(profile: bytes) -> bool:
    """Say whether a profile reverses or strongly shifts the greys in viewers that apply it.

    A profile that is unreadable, or for inks, changes nothing, since viewers ignore it.
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
    # Greys that come out darker than a darker grey mean that the profile reverses a part of them.
    levels = np.asarray(shown.convert("L"), np.int64)[0]
    falls = np.maximum.accumulate(levels) - levels
    return bool(falls.max() > _MAX_FALL or np.abs(levels - np.arange(256)).max() > _MAX_SHIFT)
