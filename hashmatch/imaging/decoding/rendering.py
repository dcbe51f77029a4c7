"""Rendering: from a decoded frame to the pictures that viewers show of it.

Viewers differ in three things, and each combination is a rendering of its own: whether they apply
the colours that the file declares, what they put behind a transparent picture, and whether they
turn it. Renderings that are equal are dropped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from hashmatch.hashes import View

from .borders import Box, find_inner
from .colour import manage
from .decoder import Frame
from .sameness import is_same

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
# The shares of white in the greys behind a partly transparent picture.
_GREYS = tuple(one / 8 for one in range(1, 8))
# Formats whose alpha channels many viewers ignore.
_ALPHA_IS_IGNORED = frozenset({"BMP", "TGA", "TIFF"})


@dataclass(frozen=True, slots=True)
class Rendering:
    """One picture that viewers may show of a frame, in mode L or RGB.

    `inner` is the part within uniform borders, None without any. `shares` is empty but for a
    picture over greys: it has a rendering for each of these shares of `picture`, which is over
    white, the rest being `dark`, which is over black.
    """

    view: View
    picture: Image.Image
    inner: Box | None = None
    dark: Image.Image | None = None
    shares: tuple[float, ...] = ()


def render(frame: Frame) -> Iterator[Rendering]:
    """Yield every picture that viewers may show of a decoded frame; the first is `View.FULL`."""
    image = frame.image
    turns = _turns(image, frame.applied_orientation)
    seen: list[Image.Image] = []
    is_alpha_ignored = image.format in _ALPHA_IS_IGNORED
    for colour_view, picture in _in_all_colours(frame):
        for turn_view, turn in turns:
            turned = picture if turn is None else picture.transpose(turn)
            backgrounds = _on_backgrounds(turned, is_alpha_ignored=is_alpha_ignored)
            if frame.is_premultiplied and colour_view is View.FULL:
                # Managed colours are not premultiplied any more. The file may say it of another
                # picture than this one.
                backgrounds = chain(_under_light(turned), backgrounds)
            for one in backgrounds:
                # The pictures behind a mix of two were seen just before it; the mixes were not.
                if one.shares or not any(is_same(one.picture, other) for other in seen):
                    yield replace(one, view=_last_of(colour_view, one.view, turn_view))
                    seen.append(one.picture)


def _last_of(*views: View) -> View:
    """Return the last view that is not the usual one."""
    return next((one for one in reversed(views) if one is not View.FULL), View.FULL)


def _turns(
    image: Image.Image, applied_orientation: int
) -> list[tuple[View, Image.Transpose | None]]:
    """Return the turn that metadata asks for, and the other that viewers may show.

    Viewers differ in the formats that they turn and in the encodings of the tag that they read.
    """
    if image.format == "HEIF":
        # Its decoder turns a picture by its properties and, as it should, not by its EXIF data.
        ignored = _TURNS.get(image.info.get("original_orientation") or 1)
        return [(View.FULL, None), *([(View.AS_STORED, ignored)] if ignored is not None else [])]
    turn = _TURNS.get(_orientation(image))
    if turn is not None:
        return [(View.FULL, turn), (View.AS_STORED, None)]
    if applied_orientation in _TURNS_BACK:
        return [(View.FULL, None), (View.AS_STORED, _TURNS_BACK[applied_orientation])]
    return [(View.FULL, None)]


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 for upright. XMP is not read, since no browser honours it."""
    if image.format == "TIFF":
        return 1  # Pillow turns it while it loads.
    if not image.info.get("exif"):
        return 1
    exif = Image.Exif()
    try:
        exif.load(image.info["exif"])
        orientation = exif.get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, OSError, struct.error, KeyError, IndexError):
        return 1  # Damaged metadata turns nothing.
    return orientation if isinstance(orientation, int) else 1


def _in_all_colours(frame: Frame) -> Iterator[tuple[View, Image.Image]]:
    """Yield the picture in eight bits: as stored, then in sRGB by each of its declarations."""
    image = frame.image
    stored = _in_eight_bits(image)
    yield View.FULL, stored
    source = image if image.mode == "CMYK" else stored
    sources = [source]
    if frame.is_premultiplied and frame.colours:
        sources.append(_divided_by_alpha(stored))
    for colour, one in product(frame.colours, sources):
        if (managed := manage(one, colour)) is not None:
            yield View.MANAGED, managed
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Photoshop stores inks inverted and marks its files. Pillow reads every file as inverted.
        yield View.INVERTED, ImageChops.invert(image).convert("RGB")


def _on_backgrounds(picture: Image.Image, *, is_alpha_ignored: bool) -> Iterator[Rendering]:
    """Yield the picture over white and, if it is transparent, over black, greys and opaque."""
    if picture.mode in ("L", "RGB"):
        yield Rendering(View.FULL, picture, find_inner(picture))
        return
    alpha = picture.getchannel("A")
    opaque = picture.convert("RGB")
    lowest, highest = alpha.getextrema()
    if lowest == 255 or highest == 0:
        # A picture that is entirely transparent is visible in the many viewers that ignore alpha.
        yield Rendering(View.FULL, opaque, find_inner(opaque))
        return
    white, black = (_over(picture, opaque, alpha, colour) for colour in ("white", "black"))
    yield from _over_all(white, black)
    if is_alpha_ignored:
        yield Rendering(View.OPAQUE, opaque, find_inner(opaque))


def _under_light(picture: Image.Image) -> Iterator[Rendering]:
    """Yield a premultiplied picture, to which what is behind it is added, over white to black."""
    black = picture.convert("RGB")
    light = ImageChops.invert(picture.getchannel("A"))
    white = ImageChops.add(black, Image.merge("RGB", (light, light, light)))
    yield from _over_all(white, black)


def _divided_by_alpha(picture: Image.Image) -> Image.Image:
    """Return a premultiplied picture as others are."""
    pixels = np.asarray(picture, np.float32)
    opacity = np.maximum(pixels[..., 3:], 1)
    colours = np.minimum(pixels[..., :3] * 255 / opacity, 255).round().astype(np.uint8)
    divided = Image.fromarray(colours)
    divided.putalpha(picture.getchannel("A"))
    return divided


def _over_all(white: Image.Image, black: Image.Image) -> Iterator[Rendering]:
    """Yield a picture over white, over black, and over the greys between."""
    inner_on_white, inner_on_black = find_inner(white), find_inner(black)
    yield Rendering(View.FULL, white, inner_on_white)
    yield Rendering(View.ON_BLACK, black, inner_on_black)
    # Every grey is a mix of the two, so that borders of both are borders on each.
    inner = inner_on_white if inner_on_white == inner_on_black else None
    yield Rendering(View.ON_GREY, white, inner, black, _GREYS)


def _over(
    picture: Image.Image, opaque: Image.Image, alpha: Image.Image, colour: str
) -> Image.Image:
    background = Image.new("RGB", picture.size, colour)
    background.paste(opaque, mask=alpha)
    return background


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
