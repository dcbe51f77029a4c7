"""Pictures as programs hold them, and the way back: Pillow, arrays, tensors and files in memory."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence, Set
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from hashmatch.imaging import as_array, is_array, pictures_of

# A picture, or the bytes of a file.
Shown: TypeAlias = Image.Image | bytes

_GREY = 128
# The neutral picture in place of a file.
_SIDE = 512


class Given(ABC):
    """Pictures that were given as one value, in their order."""

    pictures: Sequence[Shown]

    @abstractmethod
    def without(self, withheld: Set[int]) -> Any:
        """Return the value with a neutral picture in place of each with such a number."""


def take(images: Any) -> Given:
    """Return what was given: a picture, a file's bytes, an array, a tensor, or a sequence of them.

    Arrays and tensors are of shape (…, height, width, channels), (…, channels, height, width) or
    (height, width), of bytes or of floats from 0 to 1. Raises `InputError` for values of another
    range and for shapes that could be read in two ways, `TypeError` for what is no picture.
    """
    if isinstance(images, Image.Image):
        return _Pillow(images)
    if isinstance(images, (bytes, bytearray, memoryview)):
        return _File(bytes(images))
    if isinstance(images, Sequence) and not isinstance(images, str):
        return _Several(images, [take(one) for one in images])
    if is_array(images):
        return _Array(images)
    raise TypeError(
        f"a {type(images).__name__} is no picture: give a Pillow image, an array or tensor, the"
        " bytes of a file, or a list of them"
    )


class _Pillow(Given):
    def __init__(self, picture: Image.Image) -> None:
        self.pictures = [picture]
        self._picture = picture

    def without(self, withheld: Set[int]) -> Image.Image:
        if not withheld:
            return self._picture
        return Image.new("RGB", self._picture.size, (_GREY,) * 3)


class _File(Given):
    def __init__(self, data: bytes) -> None:
        self.pictures = [data]
        self._data = data

    def without(self, withheld: Set[int]) -> bytes:
        return neutral_file() if withheld else self._data


class _Several(Given):
    def __init__(self, given: Sequence[Any], parts: Sequence[Given]) -> None:
        self.pictures = list(chain.from_iterable(one.pictures for one in parts))
        self._given = given
        self._parts = parts

    def without(self, withheld: Set[int]) -> Sequence[Any]:
        if not withheld:
            return self._given
        shown, first = [], 0
        for part in self._parts:
            end = first + len(part.pictures)
            shown.append(part.without({one - first for one in withheld if first <= one < end}))
            first = end
        return tuple(shown) if isinstance(self._given, tuple) else shown


class _Array(Given):
    def __init__(self, given: Any) -> None:
        pixels = as_array(given)
        self._leading, self.pictures = pictures_of(pixels)
        self._given = given
        self._grey: float = _GREY if pixels.dtype == np.uint8 else 0.5

    def without(self, withheld: Set[int]) -> Any:
        if not withheld:
            return self._given
        shown = self._given.clone() if hasattr(self._given, "clone") else np.array(self._given)
        for number in withheld:
            index = np.unravel_index(number, self._leading) if self._leading else ()
            place: tuple[Any, ...] = (*index, ...)
            shown[place] = self._grey
        return shown


def is_plain(picture: Image.Image) -> bool:
    """Say whether all pixels of a picture are equal."""
    width, height = picture.size
    first = picture.getpixel((0, 0))
    # Nearly all pictures differ in a few places, and most need no look at every pixel.
    if any(
        picture.getpixel((x, y)) != first
        for x in (width // 3, width // 2, width - 1)
        for y in (height // 3, height // 2, height - 1)
    ):
        return False
    extrema: Any = picture.getextrema()
    ranges = extrema if isinstance(extrema[0], tuple) else [extrema]
    return all(low == high for low, high in ranges)


def neutral_file(size: tuple[int, int] = (_SIDE, _SIDE)) -> bytes:
    """Return a PNG file of a grey picture."""
    stream = io.BytesIO()
    Image.new("L", size, _GREY).save(stream, "PNG")
    return stream.getvalue()
