"""Borders around pictures: of one colour, of two, blurred and noisy."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from .interface import Alteration, Draw, Group, Surroundings
from .pixels import noise, to_picture

_STORY_SIZE = (720, 1280)


def _on(canvas: Image.Image, picture: Image.Image) -> Image.Image:
    """Return the canvas with the picture in its middle."""
    place = ((canvas.width - picture.width) // 2, (canvas.height - picture.height) // 2)
    canvas.paste(picture, place)
    return canvas


def _padded_size(picture: Image.Image, across: float, down: float) -> tuple[int, int]:
    return (
        picture.width + 2 * round(picture.width * across),
        picture.height + 2 * round(picture.height * down),
    )


def _padded(across: float, down: float, colour: str) -> Draw:
    """Return bars of those shares of the picture, on each side, all of one colour."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        fill = colour or _any_colour(surroundings)
        return _on(Image.new("RGB", _padded_size(picture, across, down), fill), picture)

    return draw


def _any_colour(surroundings: Surroundings) -> tuple[int, int, int]:
    red, green, blue = (surroundings.whole(20, 235) for _ in range(3))
    return red, green, blue


def _framed(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture in a frame of two colours, one inside the other."""
    inside = ImageOps.expand(picture, round(min(picture.size) * 0.04), _any_colour(surroundings))
    return ImageOps.expand(inside, round(min(picture.size) * 0.06), _any_colour(surroundings))


def blurred_enlargement(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the picture blurred beyond recognition and enlarged to fill that size."""
    # Blurring a small copy is as good, and much faster.
    small = ImageOps.fit(picture, (max(8, size[0] // 8), max(8, size[1] // 8)))
    blurred = small.filter(ImageFilter.GaussianBlur(max(small.size) / 25))
    return blurred.resize(size, Image.Resampling.BICUBIC)


def _blurred_bars(across: float, down: float) -> Draw:
    def draw(picture: Image.Image, _: Surroundings) -> Image.Image:
        return _on(blurred_enlargement(picture, _padded_size(picture, across, down)), picture)

    return draw


def _noisy_bars(share: float) -> Draw:
    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width, height = _padded_size(picture, share, share)
        pixels = 128 + noise(surroundings.generator, (height, width, 3), 50)
        return _on(to_picture(pixels.astype(np.float32)), picture)

    return draw


def _story(picture: Image.Image, _: Surroundings) -> Image.Image:
    """Return a picture as stories show it: over its own blurred enlargement, on a tall screen."""
    width, height = _STORY_SIZE
    inside = ImageOps.contain(picture, (width, round(height * 0.8)))
    return _on(blurred_enlargement(picture, _STORY_SIZE), inside)


_SHARES = (0.05, 0.1, 0.2, 0.3)

ALTERATIONS = (
    *(Alteration(f"padded in {colour} by {share * 100:g} %", Group.UNIFORM_BORDERS,
                 _padded(share, share, colour))
      for colour in ("white", "black") for share in _SHARES),
    *(Alteration(f"padded in a colour by {share * 100:g} %", Group.UNIFORM_BORDERS,
                 _padded(share, share, "")) for share in (0.1, 0.3)),
    Alteration("letterbox", Group.UNIFORM_BORDERS, _padded(0, 0.17, "black")),
    Alteration("bars left and right", Group.UNIFORM_BORDERS, _padded(0.25, 0, "black")),
    Alteration("frame of two colours", Group.FRAMES, _framed),
    *(Alteration(f"blurred bars of {share * 100:g} %", Group.UNEVEN_BORDERS,
                 _blurred_bars(share, share)) for share in _SHARES),
    *(Alteration(f"noisy bars of {share * 100:g} %", Group.UNEVEN_BORDERS, _noisy_bars(share))
      for share in _SHARES),
    Alteration("blurred story", Group.UNEVEN_BORDERS, _story),
)  # fmt: skip
