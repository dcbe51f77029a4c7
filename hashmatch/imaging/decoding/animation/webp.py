"""Frames of a WebP file (WebP Container Specification, Google)."""

from __future__ import annotations

import struct
from functools import partial

from .canvas import Blend, Disposal, Part

_FRAME_BYTES = 16
_CLEARS, _REPLACES = 1, 2
_HAS_ALPHA = 0x10


def read_webp_frame(data: bytes, at: int, end: int) -> Part:
    """Return the frame in the body of an ANMF chunk, of 16 bytes or more."""
    left, top, width, height = (
        int.from_bytes(data[place : place + 3], "little") for place in range(at, at + 12, 3)
    )
    flags = data[at + 15]
    return Part(
        2 * left,
        2 * top,
        partial(_as_file, data[at + _FRAME_BYTES : end], width, height),
        Blend.SOURCE if flags & _REPLACES else Blend.OVER,
        Disposal.CLEAR if flags & _CLEARS else Disposal.KEEP,
    )


def _as_file(chunks: bytes, width: int, height: int) -> bytes:
    """Return a frame, of sides one less than its own, as a WebP file of its own."""
    if chunks.startswith(b"ALPH"):
        sides = width.to_bytes(3, "little") + height.to_bytes(3, "little")
        chunks = b"VP8X" + struct.pack("<IB3x", 10, _HAS_ALPHA) + sides + chunks
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
