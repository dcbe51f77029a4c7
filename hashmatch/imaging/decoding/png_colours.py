"""The colours of a PNG file's samples: of palettes, and the transparent one (third edition, 11).

Pillow compares the transparent colour with samples of eight bits whatever the depth of the file is,
so that pixels that viewers leave out stay, or the other way round.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.outcome import Reason

from ..limits import DecodingError
from .png import walk_chunks

_DEPTH_AT, _KIND_AT = 24, 25
_GREY, _RGB, _INDEXED = 0, 2, 3
_DEEP = 16


def apply_key(image: Image.Image, data: bytes) -> Image.Image:
    """Return an opened PNG file with the pixels of its transparent colour, if any, transparent.

    `data` is the file. A picture of sixteen bits is decoded. Raises any error of the decoder, and
    `DecodingError` for pixels without a colour, which each viewer draws in another one.
    """
    key = image.info.get("transparency")
    depth, kind = data[_DEPTH_AT], data[_KIND_AT]
    if kind == _INDEXED:
        _require_colours(image, data, 2**depth)
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


def decode_rgba(image: Image.Image, data: bytes) -> Image.Image:
    """Return an opened PNG file as RGBA. Raises as `apply_key` does."""
    keyed = apply_key(image, data)
    if keyed.mode.startswith("I;16"):  # Pillow would clip what is brighter than 255.
        keyed = Image.fromarray((np.asarray(keyed) >> 8).astype(np.uint8))
    return keyed.convert("RGBA")


def _require_colours(image: Image.Image, data: bytes, numbers: int) -> None:
    """Raise `DecodingError` for a picture whose palette lacks a colour that it uses."""
    palette_bytes = (length for kind, _, length in walk_chunks(data) if kind == b"PLTE")
    colours = next(palette_bytes, 0) // 3
    if colours < numbers and int(np.asarray(image).max(initial=0)) >= colours:
        detail = "a PNG with pixels of no colour in its palette"
        raise DecodingError(Reason.UNSUPPORTED, detail)


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
