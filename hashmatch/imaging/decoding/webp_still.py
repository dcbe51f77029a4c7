"""Still pictures of WebP files, decoded by the libwebp that Pillow ships with.

Pillow reads every WebP file by libwebp's decoder of animations, which keeps two canvases and copies
each picture from one to the other and out of it: twice the time of the decoder of still pictures,
which it calls for each frame. That one is called here on the same bytes, once libwebp has looked
at the container as it does for an animation, so that both return the same pixels. None means that
Pillow has to read the file.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
_FUNCTIONS = (
    *(name for name, _ in _DECODERS.values()),
    *("WebPDecodeYUVInto", "WebPGetFeaturesInternal", "WebPDemuxInternal", "WebPDemuxDelete"),
)
# The interfaces (demux.h, decode.h) that the structures here are of. libwebp refuses those that it
# does not have any more.
_DEMUX_ABI, _DECODER_ABI = 0x0107, 0x0210
_UNLIMITED = 1 << 62
# A destination of libwebp: its address, its bytes, and those of a row.
_PLANE = (c_void_p, c_size_t, c_int)


class _Features(ctypes.Structure):
    _fields_ = (
        ("width", c_int), ("height", c_int), ("has_alpha", c_int), ("has_animation", c_int),
        ("format", c_int), ("padding", c_uint32 * 5),
    )  # fmt: skip


class _Data(ctypes.Structure):
    _fields_ = (("bytes", c_char_p), ("size", c_size_t))


class StillWebP(Image.Image):
    """A picture that is not decoded yet: its size, its mode, and the chunks that it is in."""

    format = "WEBP"

    def __init__(self, features: _Features, still: bytes) -> None:
        super().__init__()
        self._size = (features.width, features.height)
        self._mode = "RGBA" if features.has_alpha else "RGB"
        self.still = still


def open_still(data: bytes, place: slice) -> StillWebP | None:
    """Return the picture of a file, whose outline found it in the given place."""
    if _library() is None or not _has_container(data):
        return None
    features, own = _features_of(data), _features_of(data[place])
    if features is None or own is None or features.has_animation:
        return None
    width, height = size = (features.width, features.height)
    # Pillow has a limit of its own, which the calling program may have set.
    if size != (own.width, own.height) or width * height > (Image.MAX_IMAGE_PIXELS or _UNLIMITED):
        return None
    return StillWebP(features, data[place])


def decode_still(image: StillWebP) -> Image.Image | None:
    """Return every pixel of a picture."""
    name, depth = _DECODERS[image.mode]
    pixels = np.empty((image.height, image.width, depth), np.uint8)
    decode = _function(name, c_void_p, c_char_p, c_size_t, *_PLANE)
    if not decode(image.still, len(image.still), *_plane(pixels)):
        return None
    return _as_opened(Image.fromarray(pixels), image)


def decode_luma(image: StillWebP) -> Image.Image | None:
    """Return the luma of a large picture, reduced by `FACTOR`; None if it is not what is seen.

    The brightness is averaged and the colours, which are not, are only looked at. None, too, where
    a file is not lossy, is transparent or has shorter sides than the hash allows.
    """
    still = image.still
    if image.mode != "RGB" or min(image.size) < _MIN_SIDE or not still.startswith(_LOSSY):
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


def _has_container(data: bytes) -> bool:
    """Say whether libwebp accepts the container of a file, as before it decodes an animation."""
    demux = _function("WebPDemuxInternal", c_void_p, POINTER(_Data), c_int, c_void_p, c_int)
    found = demux(byref(_Data(data, len(data))), 0, None, _DEMUX_ABI)
    if found is not None:
        _function("WebPDemuxDelete", None, c_void_p)(found)
    return found is not None


def _features_of(data: bytes) -> _Features | None:
    features = _Features()
    read = _function(
        "WebPGetFeaturesInternal", c_int, c_char_p, c_size_t, POINTER(_Features), c_int
    )
    return None if read(data, len(data), byref(features), _DECODER_ABI) else features


def _plane(pixels: Pixels) -> tuple[int, int, int]:
    return pixels.ctypes.data, pixels.nbytes, pixels.strides[0]


def _as_opened(picture: Image.Image, image: StillWebP) -> Image.Image:
    picture.format, picture.info = image.format, image.info
    return picture


def load_webp() -> None:
    """Load the library, as a process that has locked itself down cannot any more."""
    _library()


@cache
def _library() -> ctypes.CDLL | None:
    """Return libwebp; None where Pillow was built without it, or shows no functions of it."""
    try:
        from PIL import _webp

        # The extension is linked to libwebp, so its handle resolves libwebp's symbols.
        library = ctypes.CDLL(_webp.__file__)
    except (ImportError, OSError):
        return None
    return library if all(hasattr(library, one) for one in _FUNCTIONS) else None


@cache
def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a typed function of libwebp."""
    function = getattr(_library(), name)
    function.restype, function.argtypes = result, arguments
    found: Callable[..., Any] = function
    return found
