"""Rendering: from a decoded frame to the pictures that viewers show of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from hashmatch.hashes import View

from .borders import find_inner

# Modes of more than eight bits are converted here, since Pillow's own conversion clips to white.
_SIXTEEN_BITS = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
_RANGELESS = frozenset({"I", "F"})

# TIFF tags, and the photometric interpretation that stores white as zero (TIFF 6.0, section 8).
_BIT_DEPTH, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0

# The EXIF tag (EXIF 2.3), and by its value the way in which the stored picture has to be turned.
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNS_BACK = {
    **_TURNS,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
# Formats whose alpha channels many viewers ignore.
_ALPHA_IS_IGNORED = frozenset({"BMP", "TGA", "TIFF"})


def render(image: Image.Image, applied_orientation: int = 1) -> Iterator[tuple[View, Image.Image]]:
    """Yield every picture that viewers may show of a decoded frame, in mode L or RGB.

    The first is `View.FULL`. `applied_orientation` is the EXIF orientation that the decoder has
    applied already. Colour profiles are ignored, as they were for the hashes on the lists.
    """
    for view, picture in _renderings(image, applied_orientation):
        yield view, picture
        inner = find_inner(picture)
        if inner is not None:
            yield view.inner, picture.crop(inner)


def _renderings(image: Image.Image, applied_orientation: int) -> Iterator[tuple[View, Image.Image]]:
    """Yield the views of a frame with their borders."""
    turn = _TURNS.get(_orientation(image))
    stored = _in_eight_bits(image)
    upright = stored if turn is None else stored.transpose(turn)
    yield from _backgrounds(upright, is_alpha_ignored=image.format in _ALPHA_IS_IGNORED)
    # Viewers differ in the formats that they turn and in the encodings of the tag that they read.
    if turn is not None:
        yield View.AS_STORED, next(_backgrounds(stored))[1]
    elif applied_orientation in _TURNS_BACK:
        yield (
            View.AS_STORED,
            next(_backgrounds(upright.transpose(_TURNS_BACK[applied_orientation])))[1],
        )
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Photoshop stores inks inverted and marks its files. Pillow reads every file as inverted.
        inverted = ImageChops.invert(image).convert("RGB")
        yield View.INVERTED, inverted if turn is None else inverted.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 for upright. XMP is not read, since no browser honours it."""
    if image.format == "TIFF":
        return 1  # Pillow turns it while it loads.
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    orientation = exif.get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1


def _backgrounds(
    picture: Image.Image, *, is_alpha_ignored: bool = False
) -> Iterator[tuple[View, Image.Image]]:
    """Yield the picture over white and, if it is transparent, over black and without alpha."""
    if picture.mode in ("L", "RGB"):
        yield View.FULL, picture
        return
    alpha = picture.getchannel("A")
    lowest, highest = alpha.getextrema()
    if lowest == 255 or highest == 0:
        # A picture that is entirely transparent is visible in the many viewers that ignore alpha.
        yield View.FULL, picture.convert("RGB")
        return
    for view, colour in ((View.FULL, "white"), (View.ON_BLACK, "black")):
        background = Image.new("RGB", picture.size, colour)
        background.paste(picture, mask=alpha)
        yield view, background
    if is_alpha_ignored:
        yield View.OPAQUE, picture.convert("RGB")


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture as L or RGB, or as RGBA if a part of it is transparent."""
    if image.mode in _SIXTEEN_BITS:
        return _convert_sixteen_bits(image)
    if image.mode == "I" and image.format == "PPM":  # Netpbm samples have 16 bits.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in _RANGELESS:
        return _stretch(np.asarray(image))
    if image.mode == "LAB":
        return ImageCms.applyTransform(image, _lab_to_rgb()) or image
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _convert_sixteen_bits(image: Image.Image) -> Image.Image:
    numbers: NDArray[np.uint16] = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    depth = max(8, *tags.get(_BIT_DEPTH, (16,)))
    eight = (numbers >> (depth - 8)).astype(np.uint8)
    return Image.fromarray(~eight if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else eight)


def _stretch(numbers: NDArray[np.int32] | NDArray[np.float32]) -> Image.Image:
    """Return samples without a defined range as grey, from the lowest to the highest.

    Viewers choose different ranges, but brightness and contrast do not change a PDQ hash.
    """
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = (high - low) or 1.0  # A plain picture would divide by zero.
    shares = (
        np.nan_to_num(numbers.astype(np.float32), nan=low, posinf=high, neginf=low) - low
    ) / span
    return Image.fromarray((shares * 255).round().astype(np.uint8))


@lru_cache(maxsize=1)
def _lab_to_rgb() -> ImageCms.ImageCmsTransform:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, rgb, "LAB", "RGB")
