"""HEIF films, which pillow-heif does not write: made by the library behind it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_uint8, c_uint16, c_uint32, c_void_p
from pathlib import Path
from typing import Any

from PIL import Image

from hashmatch.imaging.decoding.heif_track import load_library

_HEVC, _RGB, _INTERLEAVED_RGB, _INTERLEAVED_CHANNEL = 1, 1, 10, 10
_TICKS_A_SECOND, _TICKS_A_FRAME = 1000, 100


class _Error(ctypes.Structure):
    _fields_ = (("code", c_int), ("subcode", c_int), ("message", c_char_p))


def _call(name: str, result: Any, *arguments: tuple[Any, Any]) -> Any:
    """Call a function of libheif with (type, value) pairs."""
    function = load_library()[name]
    function.restype = result
    function.argtypes = [kind for kind, _ in arguments]
    answer = function(*(value for _, value in arguments))
    assert not isinstance(answer, _Error) or answer.code == 0, answer.message
    return answer


def film_of(pictures: Sequence[Image.Image], folder: Path) -> bytes:
    """Return a HEIF file that shows the pictures, all of one size, one after another."""
    width, height = pictures[0].size
    context = _call("heif_context_alloc", c_void_p)
    encoder, track = c_void_p(), c_void_p()
    _call("heif_context_get_encoder_for_format", _Error, (c_void_p, context), (c_int, _HEVC),
          (POINTER(c_void_p), byref(encoder)))  # fmt: skip
    _call("heif_encoder_set_lossy_quality", _Error, (c_void_p, encoder), (c_int, 90))
    _call("heif_encoder_set_parameter_string", _Error, (c_void_p, encoder),
          (c_char_p, b"preset"), (c_char_p, b"ultrafast"))  # fmt: skip
    _call("heif_context_set_sequence_timescale", None, (c_void_p, context),
          (c_uint32, _TICKS_A_SECOND))  # fmt: skip
    track_options = _call("heif_track_options_alloc", c_void_p)
    options = _call("heif_sequence_encoding_options_alloc", c_void_p)
    _call("heif_context_add_visual_sequence_track", _Error, (c_void_p, context),
          (c_uint16, width), (c_uint16, height), (c_uint32, int.from_bytes(b"pict", "big")),
          (c_void_p, track_options), (c_void_p, options),
          (POINTER(c_void_p), byref(track)))  # fmt: skip
    for picture in pictures:
        image = _as_heif_image(picture)
        _call("heif_track_encode_sequence_image", _Error, (c_void_p, track), (c_void_p, image),
              (c_void_p, encoder), (c_void_p, options))  # fmt: skip
        _call("heif_image_release", None, (c_void_p, image))
    _call("heif_track_encode_end_of_sequence", _Error, (c_void_p, track), (c_void_p, encoder))
    path = folder / "film.heic"
    _call("heif_context_write_to_file", _Error, (c_void_p, context), (c_char_p, bytes(path)))
    _call("heif_context_free", None, (c_void_p, context))
    return path.read_bytes()


def _as_heif_image(picture: Image.Image) -> c_void_p:
    width, height = picture.size
    image, stride = c_void_p(), c_int()
    _call("heif_image_create", _Error, (c_int, width), (c_int, height), (c_int, _RGB),
          (c_int, _INTERLEAVED_RGB), (POINTER(c_void_p), byref(image)))  # fmt: skip
    _call("heif_image_add_plane", _Error, (c_void_p, image), (c_int, _INTERLEAVED_CHANNEL),
          (c_int, width), (c_int, height), (c_int, 8))  # fmt: skip
    plane = _call("heif_image_get_plane", POINTER(c_uint8), (c_void_p, image),
                  (c_int, _INTERLEAVED_CHANNEL), (POINTER(c_int), byref(stride)))  # fmt: skip
    start, pixels = ctypes.addressof(plane.contents), picture.tobytes()
    for y in range(height):
        line = pixels[y * width * 3 : (y + 1) * width * 3]
        ctypes.memmove(start + y * stride.value, line, len(line))
    _call("heif_image_set_duration", None, (c_void_p, image), (c_uint32, _TICKS_A_FRAME))
    return image
