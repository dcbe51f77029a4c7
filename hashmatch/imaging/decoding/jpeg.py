"""Reduced decoding of a JPEG: only as much of it as a hash needs, at no cost."""

from __future__ import annotations

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ..hashing import MIN_SHORT_SIDE
from .luma import find_faithful_luma

# The component identifiers of a file that stores RGB although it does not say so (libjpeg).
_RGB_COMPONENTS = (ord("R"), ord("G"), ord("B"))


def decode_reduced(image: JpegImageFile, factor: int, *, in_colour: bool) -> Image.Image | None:
    """Return a picture reduced by a factor; None if its luma may not be that of all of it.

    In that case, the file has to be opened again. The decoder averages within the file's own blocks
    at no cost. Without `in_colour`, only the luma is returned: a file of 12 megapixels took 1.2
    times as long when it was decoded to RGB and weighed.
    """
    width, height = image.size
    image.draft("L" if image.mode == "L" else "YCbCr", (width // factor, height // factor))
    image.load()
    if image.mode == "L":
        return image
    luma = find_faithful_luma(image)
    if luma is None:
        return None
    picture = image.convert("RGB") if in_colour else luma
    picture.format, picture.info = image.format, image.info
    return picture


def find_factor(image: JpegImageFile, *, keeps_detail: bool) -> int:
    """Return the largest factor by which no colours are reduced, of those that the hash allows.

    `keeps_detail` says that managing the colours after the reduction makes no difference.
    """
    if not keeps_detail or image.mode not in ("L", "RGB"):
        return 1
    if image.mode == "RGB" and not _stores_ycbcr(image):
        return 1
    largest = min(image.size) // MIN_SHORT_SIDE
    if image.mode == "RGB":
        (_, across, down, _), *colours = image.layer
        largest = min(
            [largest, *(min(across // max(one[1], 1), down // max(one[2], 1)) for one in colours)]
        )
    return next((one for one in (8, 4, 2) if largest >= one), 1)


def _stores_ycbcr(image: JpegImageFile) -> bool:
    """Say whether the components are brightness and colours, as the decoder decides it."""
    if "jfif" in image.info:
        return True
    if "adobe_transform" in image.info:
        return bool(image.info["adobe_transform"])
    return tuple(one[0] for one in image.layer) != _RGB_COMPONENTS
