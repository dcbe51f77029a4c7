"""Encodings, sizes, filters and colours: the everyday handling of pictures by software."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from .interface import (
    Alteration,
    Draw,
    Encoding,
    Group,
    Surroundings,
)
from .pixels import noise, smooth_field, to_floats, to_picture
from .shapes import warped

_SEPIA = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)


def _unchanged(picture: Image.Image, _: Surroundings) -> Image.Image:
    return picture


def _resized(across: float, down: float) -> Draw:
    def draw(picture: Image.Image, _: Surroundings) -> Image.Image:
        size = (max(8, round(picture.width * across)), max(8, round(picture.height * down)))
        return picture.resize(size, Image.Resampling.BICUBIC)

    return draw


def _sent_on(picture: Image.Image, _: Surroundings) -> Image.Image:
    """Return the picture as three messengers leave it, each making it smaller."""
    for scale, quality in ((0.9, 70), (0.85, 60), (0.9, 70)):
        size = (round(picture.width * scale), round(picture.height * scale))
        file = io.BytesIO()
        picture.resize(size, Image.Resampling.BILINEAR).save(file, "JPEG", quality=quality)
        picture = Image.open(file).convert("RGB")
    return picture


def _filtered(image_filter: ImageFilter.Filter) -> Draw:
    return lambda picture, _: picture.filter(image_filter)


def _noisy(strength: float) -> Draw:
    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        pixels = to_floats(picture)
        return to_picture(pixels + noise(surroundings.generator, pixels.shape, strength))

    return draw


def _grainy(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture with the grain of film: the same for all colours, and in clumps."""
    pixels = to_floats(picture)
    small = noise(surroundings.generator, (picture.height // 2 + 1, picture.width // 2 + 1), 22)
    grain = Image.fromarray(small).resize(picture.size, Image.Resampling.BILINEAR)
    return to_picture(pixels + np.asarray(grain, np.float32)[..., None])


def _mosaic(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture with squares over a small area, as faces are made unrecognisable."""
    width, height = round(picture.width * 0.16), round(picture.height * 0.16)
    left = surroundings.whole(0, picture.width - width)
    top = surroundings.whole(0, picture.height - height)
    box = (left, top, left + width, top + height)
    area = picture.crop(box).resize((7, 7), Image.Resampling.BOX)
    result = picture.copy()
    result.paste(area.resize((width, height), Image.Resampling.NEAREST), box)
    return result


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance], factor: float) -> Draw:
    return lambda picture, _: kind(picture).enhance(factor)


def _grey(picture: Image.Image, _: Surroundings) -> Image.Image:
    return ImageOps.grayscale(picture).convert("RGB")


def _sepia(picture: Image.Image, _: Surroundings) -> Image.Image:
    return picture.convert("RGB", _SEPIA)


def _gamma(picture: Image.Image, _: Surroundings) -> Image.Image:
    return to_picture(255 * (to_floats(picture) / 255) ** 2)


def _opposite_hue(picture: Image.Image, _: Surroundings) -> Image.Image:
    hue, saturation, value = picture.convert("HSV").split()
    turned = hue.point(lambda one: (one + 128) % 256)
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _tone_mapped(picture: Image.Image, _: Surroundings) -> Image.Image:
    """Return the picture with dark parts lifted, bright ones lowered, and its detail stressed."""
    pixels = to_floats(picture) / 255
    light = ImageOps.grayscale(picture)
    around = light.filter(ImageFilter.GaussianBlur(max(picture.size) / 20))
    base = np.asarray(around, np.float32)[..., None] / 255
    detail = np.asarray(light, np.float32)[..., None] / 255 - base
    level = 0.5 + (base - 0.5) * 0.3
    gain = (level + 1.6 * detail) / np.maximum(base + detail, 0.02)
    return to_picture(255 * pixels * np.clip(gain, 0, 4))


def _regenerated(warp: float) -> Draw:
    """Return how a generator draws a picture again, little changed, its forms moved by `warp`.

    `warp` is the largest movement, as a share of the longer side.
    """

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        moved = warped(picture, surroundings, warp) if warp else picture
        pixels = to_floats(moved)
        tint = smooth_field(surroundings.generator, 4, *picture.size)[..., None] * 8
        pixels = pixels + tint + noise(surroundings.generator, pixels.shape, 14)
        smooth = to_picture(pixels).filter(ImageFilter.MedianFilter(3))
        return smooth.filter(ImageFilter.UnsharpMask(2, 80, 2))

    return draw


_ENCODINGS = (
    *(Alteration(f"JPEG {one}", Group.ENCODING, _unchanged, Encoding("JPEG", one))
      for one in (90, 75, 50, 30, 20, 10)),
    Alteration("WebP 50", Group.ENCODING, _unchanged, Encoding("WEBP", 50)),
    Alteration("AVIF 50", Group.ENCODING, _unchanged, Encoding("AVIF", 50)),
    Alteration("messenger chain", Group.ENCODING, _sent_on, Encoding("JPEG", 75)),
)  # fmt: skip
_SIZES = (
    *(Alteration(f"resized × {one}", Group.RESIZING, _resized(one, one))
      for one in (0.75, 0.5, 0.4, 0.25, 0.1, 2)),
    Alteration("width × 0.8", Group.RESIZING, _resized(0.8, 1)),
)  # fmt: skip
_FILTERS = (
    Alteration("noise", Group.FILTERS, _noisy(12)),
    Alteration("strong noise", Group.FILTERS, _noisy(25)),
    Alteration("blur", Group.FILTERS, _filtered(ImageFilter.GaussianBlur(2))),
    Alteration("strong blur", Group.FILTERS, _filtered(ImageFilter.GaussianBlur(4))),
    Alteration("median", Group.FILTERS, _filtered(ImageFilter.MedianFilter(5))),
    Alteration("grain", Group.FILTERS, _grainy),
    Alteration("sharpened", Group.FILTERS, _filtered(ImageFilter.UnsharpMask(2, 150, 2))),
    Alteration("mosaic of a small area", Group.FILTERS, _mosaic),
)
_COLOURS = (
    *(Alteration(f"brightness × {one}", Group.COLOUR, _enhanced(ImageEnhance.Brightness, one))
      for one in (0.6, 0.8, 1.2, 1.5)),
    *(Alteration(f"contrast × {one}", Group.COLOUR, _enhanced(ImageEnhance.Contrast, one))
      for one in (0.6, 1.5)),
    *(Alteration(f"saturation × {one}", Group.COLOUR, _enhanced(ImageEnhance.Color, one))
      for one in (0.5, 1.8)),
    Alteration("grey", Group.COLOUR, _grey),
    Alteration("sepia", Group.COLOUR, _sepia),
    Alteration("gamma 2", Group.STRONG_COLOUR, _gamma),
    Alteration("hue by 180°", Group.STRONG_COLOUR, _opposite_hue),
    Alteration("tone-mapped", Group.TONE_MAP, _tone_mapped),
)  # fmt: skip
_GENERATED = (
    Alteration("img2img, light", Group.REDRAWN, _regenerated(0)),
    Alteration("img2img, warped by 2.5 %", Group.REDRAWN, _regenerated(0.025)),
)

ALTERATIONS = (*_ENCODINGS, *_SIZES, *_FILTERS, *_COLOURS, *_GENERATED)
