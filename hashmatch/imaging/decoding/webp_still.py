"""Still pictures of WebP files, decoded by the libwebp that Pillow ships with.

Pillow reads every WebP file by libwebp's decoder of animations, which keeps two canvases and copies
each picture from one to the other and out of it: twice the time of the decoder of still pictures,
which it calls for each frame. That one is called here on the same bytes, once Pillow has opened the
file, so that both return the same pixels. None means that Pillow has to decode the file.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, _webp
from PIL.WebPImagePlugin import WebPImageFile

from ..hashing import MIN_SHORT_SIDE
from .luma import is_luma_faithful

Pixels: TypeAlias = NDArray[np.uint8]

# Brightness is stored from 16 to 235, and colours from 16 to 240 (ITU-R BT.601, section 2.5).
_BLACK, _WHITE = 16, 235
_COLOUR_GAIN = 255 / 224
_TO_FULL_RANGE = [
    min(max(round((one - _BLACK) * 255 / (_WHITE - _BLACK)), 0), 255) for one in range(256)
]
# Lossy files store their colours at half the size.
FACTOR = 2
_MIN_SIDE = FACTOR * MIN_SHORT_SIDE
_LOSSY = b"VP8 "
# libwebp's functions by the mode of the picture, with its bytes a pixel.
_DECODERS = {"RGB": ("WebPDecodeRGBInto", 3), "RGBA": ("WebPDecodeRGBAInto", 4)}
# A destination of libwebp: its address, its bytes, and those of a row.
_PLANE = (c_void_p, c_size_t, c_int)


def decode_still(image: WebPImageFile, still: bytes) -> Image.Image | None:
    """Return the picture of a file that Pillow has opened, in the same mode.

    `still` are the chunks of the picture, as its outline found them.
    """
    if image.mode not in _DECODERS or not _is_as_declared(image, still):
        return None
    name, depth = _DECODERS[image.mode]
    pixels = np.empty((image.height, image.width, depth), np.uint8)
    decode = _function(name, c_void_p, c_char_p, c_size_t, *_PLANE)
    if not decode(still, len(still), *_plane(pixels)):
        return None
    return _as_opened(Image.fromarray(pixels), image)


def decode_luma(image: WebPImageFile, still: bytes) -> Image.Image | None:
    """Return the luma of a large picture, reduced by `FACTOR`; None if it is not what is seen.

    The brightness is averaged and the colours, which are not, are only looked at. None, too, where
    a file is not lossy, is transparent or has shorter sides than the hash allows.
    """
    is_usable = image.mode == "RGB" and min(image.size) >= _MIN_SIDE and still.startswith(_LOSSY)
    if not is_usable or not _is_as_declared(image, still):
        return None
    rows, columns = (image.height + 1) // FACTOR, (image.width + 1) // FACTOR
    luma = np.empty((image.height, image.width), np.uint8)
    blues, reds = (np.empty((rows, columns), np.uint8) for _ in range(2))
    planes = (*_plane(luma), *_plane(blues), *_plane(reds))
    decode = _function("WebPDecodeYUVInto", c_void_p, c_char_p, c_size_t, *(3 * _PLANE))
    if not decode(still, len(still), *planes):
        return None
    reduced = reduce_stored(luma)
    if not is_luma_faithful((np.asarray(reduced), blues, reds), _COLOUR_GAIN):
        return None
    return _as_opened(reduced, image)


def reduce_stored(luma: Pixels) -> Image.Image:
    """Return stored brightness as it is shown, from 0 to 255, reduced by `FACTOR`.

    What no screen shows is clipped before the mean, as viewers do.
    """
    picture = Image.fromarray(luma)
    if luma.min() < _BLACK or luma.max() > _WHITE:
        return picture.point(_TO_FULL_RANGE).reduce(FACTOR)
    return picture.reduce(FACTOR).point(_TO_FULL_RANGE)


def _is_as_declared(image: WebPImageFile, still: bytes) -> bool:
    """Say whether libwebp can be called, and would fill a picture of the size of the file."""
    if _library() is None:
        return False
    width, height = c_int(), c_int()
    measure = _function("WebPGetInfo", c_int, c_char_p, c_size_t, POINTER(c_int), POINTER(c_int))
    found = measure(still, len(still), byref(width), byref(height))
    return bool(found) and (width.value, height.value) == image.size


def _plane(pixels: Pixels) -> tuple[int, int, int]:
    return pixels.ctypes.data, pixels.nbytes, pixels.strides[0]


def _as_opened(picture: Image.Image, image: WebPImageFile) -> Image.Image:
    picture.format, picture.info = image.format, image.info
    return picture


@cache
def _library() -> ctypes.CDLL | None:
    """Return libwebp; None where Pillow was built with one that shows no functions."""
    # The extension is linked to libwebp, so its handle resolves libwebp's symbols.
    library = ctypes.CDLL(_webp.__file__)
    names = ("WebPGetInfo", "WebPDecodeYUVInto", *(name for name, _ in _DECODERS.values()))
    return library if all(hasattr(library, one) for one in names) else None


@cache
def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a typed function of libwebp. They have been the same since its first version."""
    function = getattr(_library(), name)
    function.restype, function.argtypes = result, arguments
    found: Callable[..., Any] = function
    return found
