"""Usual PNG files, decoded by zlib-ng and compiled loops: the same pixels as Pillow's in less time.

Usual are grey, RGB and RGBA of eight bits, not interlaced. None means that Pillow has to decode the
file, as for everything that is damaged: what it accepts and why it refuses stays its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from zlib_ng import zlib_ng

from .png import walk_chunks

Pixels: TypeAlias = NDArray[np.uint8]
_Loop: TypeAlias = Callable[[Pixels, Pixels, int, Pixels], bool]

# Of the header (third edition, 11.2.1), the place and the value for eight bits, by the kinds of
# pixels the mode in Pillow and the bytes a pixel, and compression, filters and interlacing.
_HEADER = slice(16, 29)
_EIGHT_BITS = 8
_KINDS = {0: ("L", 1), 2: ("RGB", 3), 6: ("RGBA", 4)}
_USUAL_METHODS = bytes(3)
# The chunks that may stand before the picture data.
_BEFORE = frozenset({b"IHDR", b"PLTE", b"tRNS"})
# Compressed bytes that are unpacked at a time: their pixels stay in the cache, and even those of a
# bomb, a thousand times as many, fit into the memory.
_PIECE_BYTES = 1 << 16


def decode_usual(image: Image.Image, data: bytes) -> Image.Image | None:
    """Return the picture of an opened PNG file, in the same mode; None if it is not a usual one.

    `data` is the file without the chunks of which nothing is seen.
    """
    loop, header = _loop(), data[_HEADER]
    if loop is None or len(header) < _HEADER.stop - _HEADER.start:
        return None
    depth, kind, *methods = header[8:]
    mode, pixel_bytes = _KINDS.get(kind, ("", 0))
    packed = _find_picture(data)
    if packed is None or image.mode != mode or depth != _EIGHT_BITS or any(methods):
        return None
    width, height = image.size
    rows = np.empty((height, width * pixel_bytes), np.uint8)
    if not _fill(rows, _unpacked(packed), pixel_bytes, loop):
        return None
    shape = (height, width) if pixel_bytes == 1 else (height, width, pixel_bytes)
    picture = Image.fromarray(rows.reshape(shape))
    picture.format, picture.info = image.format, image.info
    return picture


def load_png() -> None:
    """Load the compiled loops if others are loaded already; until then, Pillow decodes all files.

    Loading numba takes longer than decoding most pictures.
    """
    _loop()


def _loop() -> _Loop | None:
    return _load_loop() if "numba" in sys.modules else None


@cache
def _load_loop() -> _Loop | None:
    try:
        from .png_loops import undo_filters
    except (
        ImportError,
        OSError,
    ):  # A process that has locked itself down finds no modules any more.
        return None
    loop: _Loop = undo_filters
    return loop


def _find_picture(data: bytes) -> bytes | None:
    """Return the compressed pixels, None where other chunks stand among them."""
    parts: list[bytes] = []
    kind = b""
    for kind, at, length in walk_chunks(data):
        if kind == b"IDAT":
            parts.append(data[at : at + length])
        elif kind != b"IEND" and (parts or kind not in _BEFORE):
            return None
    return b"".join(parts) if kind == b"IEND" else None


class _DamagedError(Exception):
    """Compressed pixels that do not end where they should, or that zlib-ng does not accept."""


def _unpacked(packed: bytes) -> Iterator[bytes]:
    """Yield the filtered pixels in pieces. Raises `_DamagedError`."""
    unpacker = zlib_ng.decompressobj()
    for at in range(0, len(packed), _PIECE_BYTES):
        if unpacker.eof:
            raise _DamagedError
        try:
            yield unpacker.decompress(packed[at : at + _PIECE_BYTES])
        except zlib_ng.error as error:  # type: ignore[misc]  # Its stub declares an instance.
            raise _DamagedError from error
    if not unpacker.eof or unpacker.unused_data:
        raise _DamagedError


def _fill(rows: Pixels, pieces: Iterator[bytes], pixel_bytes: int, loop: _Loop) -> bool:
    """Fill an array of shape (height, bytes of a row); return false where that is not possible."""
    line_bytes = 1 + rows.shape[1]
    pending, done = bytearray(), 0
    above = np.zeros(rows.shape[1], np.uint8)
    try:
        for piece in pieces:
            pending += piece
            count = len(pending) // line_bytes
            part = rows[done : done + count]
            if len(part) < count:
                return False
            if count:
                if not loop(_lines(pending, count, line_bytes), above, pixel_bytes, part):
                    return False
                done += count
                above = part[-1]
                del pending[: count * line_bytes]
    except _DamagedError:
        return False
    return done == len(rows) and not pending


def _lines(pending: bytearray, count: int, line_bytes: int) -> Pixels:
    """Return the first lines without a copy, and read-only, as the loop wants them."""
    view = memoryview(pending).toreadonly()
    return np.frombuffer(view, np.uint8, count * line_bytes).reshape(count, line_bytes)
