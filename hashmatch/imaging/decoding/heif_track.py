"""Image sequence of a HEIF file, decoded by the libheif that pillow-heif ships with.

pillow-heif reads the pictures of a HEIF file but not its tracks, which hold animations (ISO/IEC
23008-12, section 7). The underlying library reads tracks since version 1.20 (heif_sequences.h).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint16, c_uint32, c_void_p
from functools import cache, lru_cache
from typing import Any

import _pillow_heif
from PIL import Image

# Constants of libheif's heif_image.h and heif_color.h.
_RGB, _INTERLEAVED_RGB, _INTERLEAVED_CHANNEL = 1, 10, 10
_MIN_VERSION = 1 << 24 | 20 << 16


class TrackError(Exception):
    """A track that libheif cannot decode."""


class _Error(ctypes.Structure):
    _fields_ = (("code", c_int), ("subcode", c_int), ("message", c_char_p))


class HEIFTrack:
    """The first image sequence of a HEIF file.

    libheif reads from `data` without a copy, so the object keeps a reference to it.
    """

    def __init__(self, data: bytes) -> None:
        """Open the track. Raises `TrackError`."""
        self._data = data
        self._context = self._track = None
        self._context = _function("heif_context_alloc", c_void_p)()
        read = _function(
            "heif_context_read_from_memory_without_copy",
            _Error, c_void_p, c_char_p, c_size_t, c_void_p,
        )  # fmt: skip
        _require(read(self._context, data, len(data), None))
        track_of = _function("heif_context_get_track", c_void_p, c_void_p, c_uint32)
        self._track = track_of(self._context, 0)
        if self._track is None:
            raise TrackError

    def size(self) -> tuple[int, int]:
        """Return the width and height of the sequence in pixels."""
        width, height = c_uint16(), c_uint16()
        resolution = _function(
            "heif_track_get_image_resolution",
            _Error, c_void_p, POINTER(c_uint16), POINTER(c_uint16),
        )  # fmt: skip
        _require(resolution(self._track, byref(width), byref(height)))
        return width.value, height.value

    def frames(self) -> Iterator[Image.Image]:
        """Yield the frames in order. Raises `TrackError` at the end."""
        decode = _function(
            "heif_track_decode_next_image",
            _Error, c_void_p, POINTER(c_void_p), c_int, c_int, c_void_p,
        )  # fmt: skip
        while True:
            image = c_void_p()
            _require(decode(self._track, byref(image), _RGB, _INTERLEAVED_RGB, None))
            # Released even if the caller stops in the middle, since libheif owns the memory.
            try:
                yield _picture(image)
            finally:
                _function("heif_image_release", None, c_void_p)(image)

    def __del__(self) -> None:
        if self._track is not None:
            _function("heif_track_release", None, c_void_p)(self._track)
        if self._context is not None:
            _function("heif_context_free", None, c_void_p)(self._context)


def _picture(image: c_void_p) -> Image.Image:
    sides = [
        _function(f"heif_image_get_{side}", c_int, c_void_p, c_int)(image, _INTERLEAVED_CHANNEL)
        for side in ("width", "height")
    ]
    stride = c_int()
    plane_of = _function(
        "heif_image_get_plane_readonly", POINTER(c_uint8), c_void_p, c_int, POINTER(c_int)
    )
    plane = plane_of(image, _INTERLEAVED_CHANNEL, byref(stride))
    if not plane or min(sides) <= 0:
        raise TrackError
    # Rows are padded to the stride, which Pillow skips.
    pixels = ctypes.string_at(plane, stride.value * sides[1])
    return Image.frombytes("RGB", (sides[0], sides[1]), pixels, "raw", "RGB", stride.value)


def _require(error: _Error) -> None:
    if error.code:
        raise TrackError


@cache
def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a typed function of libheif. Raises `TrackError` if the library is too old."""
    function = getattr(load_library(), name)
    function.restype, function.argtypes = result, arguments
    found: Callable[..., Any] = function
    return found


@lru_cache(maxsize=1)
def load_library() -> ctypes.CDLL:
    """Return libheif, loaded once. Raises `TrackError` for a version without tracks."""
    # The extension is linked to libheif, so its handle resolves libheif's symbols.
    library = ctypes.CDLL(_pillow_heif.__file__)
    if library.heif_get_version_number() < _MIN_VERSION:
        raise TrackError
    return library
