"""Stealth marks: parameters of a generator in the lowest bits of a picture's pixels.

NovelAI began it, and extensions of other tools write the same: a name, then a length and a text,
bit by bit down the columns, in the alpha channel or in all three colours. Only the name is read.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

_NAMES = {
    b"stealth_pnginfo": "stealth:pnginfo",
    b"stealth_pngcomp": "stealth:pngcomp",
    b"stealth_rgbinfo": "stealth:rgbinfo",
    b"stealth_rgbcomp": "stealth:rgbcomp",
}
_BITS = 8 * 15


def find_stealth_marks(picture: Image.Image) -> tuple[str, ...]:
    """Return the names of the marks in a decoded picture of its file's own pixels."""
    if picture.mode not in ("RGB", "RGBA") or not picture.width or not picture.height:
        return ()
    columns = min(picture.width, -(-_BITS // picture.height))
    rows = min(picture.height, _BITS)
    corner = np.asarray(picture.crop((0, 0, columns, rows))).transpose(1, 0, 2) & 1
    sequences = [corner[..., :3].reshape(-1)]
    if picture.mode == "RGBA":
        sequences.append(corner[..., 3].reshape(-1))
    found = (_NAMES.get(np.packbits(one[:_BITS]).tobytes()) for one in sequences)
    return tuple(one for one in found if one is not None)
