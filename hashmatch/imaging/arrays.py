"""Pictures from arrays and tensors.

Tensors are known by what they can do, so that no framework has to be installed or loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.errors import InputError

_CHANNELS = frozenset({1, 3, 4})
# Floats beyond 0 and 1 by more are of another range, in which clipping makes another picture.
_OVERSHOOT = 0.01


def is_array(value: Any) -> bool:
    """Say whether a value is an array or a tensor."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def pictures_of(pixels: NDArray[Any]) -> tuple[tuple[int, ...], list[Image.Image]]:
    """Return the axes before those of one picture, and the pictures in their order.

    An array is of shape (…, height, width, channels), (…, channels, height, width) or
    (height, width), of bytes or of floats from 0 to 1. Raises `InputError` for values of another
    range and for shapes that could be read in two ways.
    """
    layout = _find_layout(pixels.shape)
    pages = pixels.reshape(-1, *pixels.shape[len(layout.leading) :])
    return layout.leading, [_as_picture(page, layout) for page in pages]


@dataclass(frozen=True, slots=True)
class _Layout:
    """The shape before that of one picture, and the place of a picture's channels, None without."""

    leading: tuple[int, ...]
    channels: int | None


def as_array(given: Any) -> NDArray[Any]:
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
    from .array_loops import to_bytes  # Loads numba, which hashing needs as well.

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
