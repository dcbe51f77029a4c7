"""The transparent colour of a PNG file without alpha (tRNS; PNG, third edition, section 11.3.2.1).

Pillow compares it with samples of eight bits whatever the depth of the file is, so that pixels that
viewers leave out stay, or the other way round.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_DEPTH_AT, _KIND_AT = 24, 25
_GREY, _RGB = 0, 2
_DEEP = 16


def apply_key(image: Image.Image, data: bytes) -> Image.Image:
    """Return an opened PNG file with the pixels of its transparent colour, if any, transparent.

    `data` is the file. A picture of sixteen bits is decoded. Raises any error of the decoder.
    """
    key = image.info.get("transparency")
    depth, kind = data[_DEPTH_AT], data[_KIND_AT]
    if key is None or kind not in (_GREY, _RGB):
        return image
    levels = [one & (2**depth - 1) for one in (key if isinstance(key, tuple) else (key,))]
    if depth < _DEEP:
        # Pillow stretches the samples to eight bits, and leaves the key alone.
        scaled = tuple(one * 255 // (2**depth - 1) for one in levels)
        if depth > 1:
            image.info["transparency"] = scaled if kind == _RGB else scaled[0]
        return image
    samples = _deep_samples(image, data, is_grey=kind == _GREY)
    is_key = (samples == np.array(levels, np.uint16)).all(axis=-1)
    colours = Image.fromarray((samples >> 8).astype(np.uint8).squeeze())
    decoded = colours.convert("RGB")
    decoded.putalpha(Image.fromarray(np.where(is_key, 0, 255).astype(np.uint8)))
    decoded.format, decoded.info = image.format, {**image.info}
    del decoded.info["transparency"]
    return decoded


def _deep_samples(image: Image.Image, data: bytes, *, is_grey: bool) -> NDArray[np.uint16]:
    """Return samples of sixteen bits, of shape (height, width, channels)."""
    high: NDArray[np.uint16] = np.asarray(image).astype(np.uint16)
    if is_grey:
        return high[..., None]
    # Pillow keeps the first byte of each sample. Read in the other order, it keeps the second.
    with Image.open(io.BytesIO(data), formats=["PNG"]) as other:
        other.tile = [one._replace(args="RGB;16L") for one in other.tile]
        low: NDArray[np.uint16] = np.asarray(other).astype(np.uint16)
    return (high << np.uint16(8)) | low
