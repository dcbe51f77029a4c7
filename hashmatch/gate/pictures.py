"""Pictures as programs hold them, and the way back: Pillow, arrays, tensors and files in memory.

Tensors are known by what they can do, so that no framework has to be installed or loaded.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.errors import InputError

# A picture, or the bytes of a file.
Shown: TypeAlias = Image.Image | bytes

_CHANNELS = frozenset({1, 3, 4})
_GREY = 128
# Floats beyond 0 and 1 by more are of another range, in which clipping makes another picture.
_OVERSHOOT = 0.01
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


def is_array(value: Any) -> bool:
    """Say whether a value is an array or a tensor."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


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
        pixels = _as_array(given)
        self._layout = _find_layout(pixels.shape)
        self._given = given
        self._grey: float = _GREY if pixels.dtype == np.uint8 else 0.5
        pages = pixels.reshape(-1, *pixels.shape[len(self._layout.leading) :])
        self.pictures = [_as_picture(page, self._layout) for page in pages]

    def without(self, withheld: Set[int]) -> Any:
        if not withheld:
            return self._given
        shown = self._given.clone() if hasattr(self._given, "clone") else np.array(self._given)
        for number in withheld:
            index = np.unravel_index(number, self._layout.leading) if self._layout.leading else ()
            place: tuple[Any, ...] = (*index, ...)
            shown[place] = self._grey
        return shown


@dataclass(frozen=True, slots=True)
class _Layout:
    """The shape before that of one picture, and the place of a picture's channels, None without."""

    leading: tuple[int, ...]
    channels: int | None


def _as_array(given: Any) -> NDArray[Any]:
    """Return the values of an array or tensor where numpy can read them."""
    value = given
    for step in ("detach", "cpu"):
        value = getattr(value, step, lambda one=value: one)()
    if not isinstance(value, np.ndarray):
        if "float" in str(value.dtype) and hasattr(value, "float"):
            value = value.float()  # numpy knows no bfloat16.
        value = value.numpy() if hasattr(value, "numpy") else value
    pixels = np.asarray(value)
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype != np.uint8 and pixels.dtype.kind != "f":
        raise TypeError(
            f"pixels of type {pixels.dtype} have no known range: give bytes, or floats from 0 to 1"
        )
    return pixels


def _find_layout(shape: tuple[int, ...]) -> _Layout:
    """Return the layout of an array of this shape. Raises `InputError`."""
    if 0 in shape or len(shape) < 2:
        raise InputError(f"an array of shape {shape} holds no picture")
    if len(shape) == 2:
        return _Layout((), None)
    is_last, is_first = shape[-1] in _CHANNELS, shape[-3] in _CHANNELS
    if is_last and is_first:
        raise InputError(
            f"an array of shape {shape} can be read in two ways",
            hint="Give it as Pillow images, or with a longer side.",
        )
    if is_last:
        return _Layout(shape[:-3], 2)
    if is_first:
        return _Layout(shape[:-3], 0)
    if len(shape) == 3:
        return _Layout(shape[:1], None)  # Masks: (number, height, width).
    raise InputError(f"an array of shape {shape} has no axis of 1, 3 or 4 channels")


def _as_picture(pixels: NDArray[Any], layout: _Layout) -> Image.Image:
    """Return one picture of an array. Raises `InputError` for floats of another range."""
    if layout.channels == 0:
        pixels = np.moveaxis(pixels, 0, -1)
    if layout.channels is not None and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8:
        pixels = _as_bytes(pixels)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _as_bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return floats from 0 to 1 as those who save them do; what is no number is black."""
    from .loops import to_bytes  # Loads numba, which hashing needs as well.

    values = np.ascontiguousarray(pixels, np.float32)
    flat = values.reshape(-1)
    flat.flags.writeable = False
    made, extent = np.empty(values.size, np.uint8), np.empty(2, np.float32)
    # In one pass: the six of numpy took as long as everything else here together.
    to_bytes(flat, made, extent)
    low, high = map(float, extent)
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise InputError(
            f"the values of a picture reach from {low:.3g} to {high:.3g}",
            hint="Give bytes, or floats from 0 to 1.",
        )
    return made.reshape(values.shape)


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
