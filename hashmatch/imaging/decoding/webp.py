"""Chunks of a WebP file (WebP Container Specification, RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..limits import Limits
from .animation import Animation, Part, read_webp_frame
from .colour import Profile
from .outline import Outline

_STILL_CHUNKS = frozenset({b"VP8 ", b"VP8L"})
_VISIBLE_CHUNKS = _STILL_CHUNKS | {b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
# The chunks of a usual file of one picture, of those that anything is seen of.
_STILL_LAYOUTS = frozenset(
    {
        (b"VP8 ",),
        (b"VP8L",),
        (b"VP8X", b"VP8 "),
        (b"VP8X", b"VP8L"),
        (b"VP8X", b"ALPH", b"VP8 "),
    }
)
_HEADER_BYTES, _CHUNK_OVERHEAD_BYTES = 12, 8
_EXTENDED_BYTES, _FRAME_FACTS_BYTES = 10, 16
_ANIMATED, _TRANSPARENT = 0x02, 0x10  # Flags of the first byte of a VP8X chunk.


@dataclass
class _Walk:
    """The facts collected from the chunks read so far; `end` is where they end by the header."""

    data: bytes
    limits: Limits
    end: int
    kinds: list[bytes] = field(default_factory=list)
    # Of the chunks that determine the picture, the kind and the whole of each.
    visible: list[tuple[bytes, slice]] = field(default_factory=list)
    is_animated: bool = False
    is_transparent: bool = False
    canvas: tuple[int, int] = (0, 0)
    frames: int = 0
    parts: list[Part] = field(default_factory=list)
    metadata_bytes: int = 0
    profiles: list[Profile] = field(default_factory=list)
    exif: bytes = b""

    def add_chunk(self, kind: bytes, at: int, length: int) -> None:
        """Add the next chunk, whose body begins at the given position."""
        body = slice(at, min(at + length, self.end))
        if kind == b"VP8X" and not self.kinds:
            self._add_header(self.data[body])
        elif kind == b"ANMF":
            self.frames += 1
            self.limits.require_frames(self.frames)
            if body.stop - at >= _FRAME_FACTS_BYTES:
                self.parts.append(read_webp_frame(self.data, at, body.stop))
        elif kind not in _VISIBLE_CHUNKS:
            self.metadata_bytes += _CHUNK_OVERHEAD_BYTES + length
            self.limits.require_metadata(self.metadata_bytes)
            self._add_metadata(kind, self.data[body])
        self.kinds.append(kind)
        if kind in _VISIBLE_CHUNKS:
            self.visible.append((kind, slice(at - _CHUNK_OVERHEAD_BYTES, at + length)))

    def _add_header(self, body: bytes) -> None:
        if len(body) < _EXTENDED_BYTES:
            return
        # The canvas size is checked here, since a frame may be much smaller than the canvas.
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        self.limits.require_size(width, height)
        self.canvas = (width, height)
        self.is_animated = bool(body[0] & _ANIMATED)
        self.is_transparent = bool(body[0] & _TRANSPARENT)

    def _add_metadata(self, kind: bytes, body: bytes) -> None:
        if kind == b"ICCP":
            self.profiles.append(Profile(body))
        elif kind == b"EXIF":
            self.exif = self.exif or body

    def ambiguity(self) -> str:
        """Return why decoders may show other pictures of the file; empty if they do not."""
        if self.frames and (not self.is_animated or _STILL_CHUNKS & set(self.kinds)):
            return "a WebP file of a picture and of an animation"
        if self.kinds.count(b"EXIF") > 1:
            return "a WebP file with more than one EXIF chunk"
        return ""

    def still(self) -> slice | None:
        """Return the place of the picture, from its transparency on, in a usual file of one."""
        kinds = tuple(kind for kind, _ in self.visible)
        if kinds not in _STILL_LAYOUTS or self.is_animated:
            return None
        start, stop = self.visible[-1][1].start, self.visible[-1][1].stop
        if b"ALPH" in kinds:
            alpha = self.visible[-2][1]
            # libwebp leaves out transparency that the header does not announce.
            if not self.is_transparent or alpha.stop + (alpha.stop - alpha.start) % 2 != start:
                return None
            start = alpha.start
        return slice(start, stop) if stop <= self.end else None


def outline_webp(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a WebP file. Raises `DecodingError` beyond a limit."""
    end = 8 + int.from_bytes(data[4:8], "little")
    walk = _Walk(data, limits, min(end, len(data)))
    for kind, at, length in walk_webp(data, walk.end):
        walk.add_chunk(kind, at, length)
    return Outline(
        data,
        is_complete=end <= len(data),
        ambiguity=walk.ambiguity(),
        colours=tuple(walk.profiles),
        exif=walk.exif,
        animation=Animation(*walk.canvas, walk.parts) if walk.frames and walk.is_animated else None,
        still=walk.still(),
    )


def walk_webp(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, the place of the body and the length of each chunk."""
    at = _HEADER_BYTES
    while at + _CHUNK_OVERHEAD_BYTES <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + _CHUNK_OVERHEAD_BYTES, length
        at += _CHUNK_OVERHEAD_BYTES + length + length % 2  # Padded to an even length (RIFF).
