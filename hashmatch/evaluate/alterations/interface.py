"""Alterations: named, grouped and seeded changes of a picture, as people make them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from PIL import Image

from hashmatch.synthetic import draw_picture

# Pictures are reduced to this before they are altered, so that amounts in pixels mean the same.
MAX_SIDE_PX = 800
_JPEG_QUALITY = 90

_T = TypeVar("_T")


class Group(StrEnum):
    """Kind of alteration; targets are set for groups."""

    ENCODING = "encoding"
    RESIZING = "resizing"
    FILTERS = "filters"
    COLOUR = "colour"
    STRONG_COLOUR = "gamma and hue"
    TONE_MAP = "tone-mapped"
    UNIFORM_BORDERS = "uniform borders"
    FRAMES = "frames of two colours"
    UNEVEN_BORDERS = "blurred or noisy bars"
    ORIENTATION = "right angles, flips, inverted"
    SCREENS = "phone viewer, web post, meme bars"
    CHAT = "chat"
    COLLAGE_OF_TWO = "collage of two"
    COLLAGE_OF_FOUR = "collage of four"
    PICTURE_IN_PICTURE = "picture in picture"
    TURNED_WITH_CORNERS = "turned up to 7°, with corners"
    TURNED_CUT_2 = "turned up to 2°, cut to fit"
    TURNED_CUT_3 = "turned by 3°, cut to fit"
    TURNED_CUT_MORE = "turned by 5° or more, cut to fit"
    CROP_SMALL = "cropped by up to 3.5 %"
    CROP_5 = "cropped by 5 %"
    CROP_10 = "cropped by 10 %"
    CROP_LARGE = "cropped by 15 % or more"
    PHOTOGRAPH_OF_SCREEN = "photograph of a screen"
    PERSPECTIVE_SMALL = "perspective of 5 %"
    DISTORTION = "perspective of 10 %, barrel"
    TEXT = "text and watermarks"
    COVERED = "logos, stickers, black bars"
    REDRAWN = "partly drawn again"


@dataclass(frozen=True, slots=True)
class Encoding:
    """File format of an altered picture, as Pillow names it, with its quality (1 to 100)."""

    image_format: str = "JPEG"
    quality: int = _JPEG_QUALITY

    def encode(self, picture: Image.Image) -> bytes:
        """Return the picture as a file."""
        file = io.BytesIO()
        # Of the speeds of AVIF, which other formats do not have, the fastest.
        picture.save(file, self.image_format, quality=self.quality, speed=10)
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Chance, and the other pictures that collages and screens show beside the altered one.

    Without `companions`, pictures are drawn in their place.
    """

    generator: np.random.Generator
    companions: Sequence[Image.Image] = ()

    def between(self, low: float, high: float) -> float:
        """Return a number from `low` up to `high`."""
        return float(self.generator.uniform(low, high))

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return int(self.generator.integers(low, high + 1))

    def one_of(self, choices: Sequence[_T]) -> _T:
        """Return one of the choices."""
        return choices[self.whole(0, len(choices) - 1)]

    def companion(self) -> Image.Image:
        """Return another picture, in RGB."""
        if self.companions:
            return self.one_of(self.companions).convert("RGB")
        return draw_picture(self.whole(0, 2**31), 480, 400)


Draw = Callable[[Image.Image, Surroundings], Image.Image]


@dataclass(frozen=True, slots=True)
class Alteration:
    """One way of changing a picture, with its amount.

    `draw` takes an RGB picture and returns another; chance comes from the surroundings alone.
    """

    name: str
    group: Group
    draw: Draw
    encoding: Encoding = Encoding()

    def alter(self, picture: Image.Image, surroundings: Surroundings) -> bytes:
        """Return the altered picture as a file; the same seed gives the same picture."""
        return self.encoding.encode(self.draw(picture.convert("RGB"), surroundings))


def reduced(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB, with no side over `MAX_SIDE_PX`."""
    smaller = picture.convert("RGB")
    smaller.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    return smaller
