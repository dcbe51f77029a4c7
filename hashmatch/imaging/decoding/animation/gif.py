"""Frames of a GIF file (GIF89a, 1990)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .canvas import Animation, Disposal, Part

_SCREEN_BYTES, _DESCRIPTOR_BYTES = 13, 10
_IMAGE, _EXTENSION, _END, _CONTROL = 0x2C, 0x21, 0x3B, 0xF9
# 4 stands for 3 in files of old encoders, and for browsers.
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}


@dataclass(frozen=True, slots=True)
class GIFWalk:
    """The outline of a GIF file: its animation, whether all of it is there, and has colours."""

    animation: Animation
    is_complete: bool
    has_colours: bool


@dataclass
class _Control:
    """The graphic control extension before a frame."""

    flags: int = 0
    transparent: int = 0


@dataclass
class _Walk:
    """The facts collected while the blocks of one file are read."""

    data: bytes
    parts: list[Part] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    control: _Control = field(default_factory=_Control)
    has_colours: bool = True


def walk_gif(
    data: bytes, require_frames: Callable[[int], None], require_metadata: Callable[[int], None]
) -> GIFWalk:
    """Return the frames of a GIF file, with whether they are all there.

    The functions are called with every number so far, and raise where it is too large.
    """
    width, height = struct.unpack_from("<HH", data.ljust(_SCREEN_BYTES, b"\0"), 6)
    walk = _Walk(data, size=(width, height))
    at, metadata_bytes, is_complete = _SCREEN_BYTES + _colours(data, 10), 0, False
    while at < len(data):
        kind = data[at]
        if kind == _END:
            is_complete = True
            break
        if kind == _IMAGE:
            require_frames(len(walk.parts) + 1)
            at = _add_frame(walk, at)
        elif kind == _EXTENSION:
            after = _after_blocks(data, at + 2)
            metadata_bytes += after - at
            require_metadata(metadata_bytes)
            _read_control(walk, at)
            at = after
        else:
            at += 1  # Decoders skip unknown bytes, too.
    # Many files lack the trailer; they count as complete if their last block is.
    is_complete = is_complete or (bool(walk.parts) and at == len(data))
    return GIFWalk(Animation(*walk.size, walk.parts), is_complete, walk.has_colours)


def _read_control(walk: _Walk, at: int) -> None:
    body = walk.data[at + 3 : at + 7]
    if walk.data[at + 1 : at + 2] == bytes([_CONTROL]) and len(body) == 4:
        walk.control = _Control(body[0], body[3])


def _add_frame(walk: _Walk, at: int) -> int:
    """Add the frame of the descriptor at a position, and return the position after the frame."""
    data = walk.data
    left, top, width, height = struct.unpack_from("<HHHH", data[at + 1 : at + 9].ljust(8, b"\0"))
    colours = at + _DESCRIPTOR_BYTES
    pixels = colours + _colours(data, at + 9)
    after = _after_blocks(data, pixels + 1)
    if not walk.parts:  # Browsers enlarge the canvas for the first frame, and for no other.
        walk.size = (max(walk.size[0], left + width), max(walk.size[1], top + height))
    flags = data[at + 9] if at + 9 < len(data) else 0
    table = data[colours:pixels] or data[_SCREEN_BYTES : _SCREEN_BYTES + _colours(data, 10)]
    # Without a table, browsers draw black, and others draw greys.
    walk.has_colours = walk.has_colours and bool(table)
    still = partial(_as_file, data, (width, height), flags, table, (pixels, after), walk.control)
    disposal = _DISPOSALS.get(walk.control.flags >> 2 & 7, Disposal.KEEP)
    walk.parts.append(Part(left, top, still, disposal=disposal))
    walk.control = _Control()
    return after


def _as_file(
    data: bytes, size: tuple[int, int], flags: int, table: bytes, pixels: tuple[int, int],
    control: _Control,
) -> bytes:  # fmt: skip
    """Return a frame as a GIF file of its own."""
    # The table has 2 to the power of its code plus one colours.
    code = max((len(table) // 3).bit_length() - 2, 0)
    screen = struct.pack("<HHBBB", *size, 0x80 | code if table else 0, 0, 0)
    extension = bytes((_EXTENSION, _CONTROL, 4, control.flags & 1, 0, 0, control.transparent, 0))
    descriptor = struct.pack("<BHHHHB", _IMAGE, 0, 0, *size, flags & 0x40)
    body = data[slice(*pixels)]
    return b"".join((b"GIF89a", screen, table, extension, descriptor, body, bytes([_END])))


def _colours(data: bytes, at: int) -> int:
    """Return the size in bytes of the colour table that the flags at a position declare."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
