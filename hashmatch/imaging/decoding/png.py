"""Chunks of a PNG file (PNG, third edition, sections 5 and 11)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from ..limits import Limits
from .outline import Outline

# The chunks that determine the visible picture, and the colour profile.
_VISIBLE_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"iCCP"}
)
_METADATA_CHUNKS = frozenset({b"eXIf", b"iCCP"})
# The largest profile that Pillow unpacks; it refuses a file with a larger one.
_MAX_PROFILE_BYTES = 1 << 20
_CHUNK_OVERHEAD_BYTES = 12
_SIXTEEN_BITS = 16
# File gammas, times 100,000, with which a picture looks about the same everywhere. Outside this
# range, viewers that apply gAMA show another picture than those that ignore it.
_HARMLESS_GAMMAS = range(30_000, 110_001)
_CONTRADICTION = "an APNG with more or fewer frames than it declares"


@dataclass
class _Walk:
    """The facts collected from the chunks read so far."""

    limits: Limits
    seen: set[bytes] = field(default_factory=set)
    previous: bytes = b""
    metadata_bytes: int = 0
    declared_frames: list[int] = field(default_factory=list)
    frames: int = 0
    ambiguity: str = ""

    def add_chunk(self, kind: bytes, length: int, body: bytes) -> None:
        """Add the next chunk, of which the first four bytes of the body are enough."""
        if kind not in _VISIBLE_CHUNKS or kind in _METADATA_CHUNKS:
            self.metadata_bytes += _CHUNK_OVERHEAD_BYTES + length
            self.limits.require_metadata(self.metadata_bytes)
        number = int.from_bytes(body[:4], "big")
        if kind == b"acTL":
            self.limits.require_frames(number)
            self.declared_frames.append(number)
        self.frames += kind == b"fcTL"
        self.ambiguity = self.ambiguity or self._ambiguity(kind, number)
        self.seen.add(kind)
        self.previous = kind

    def _ambiguity(self, kind: bytes, number: int) -> str:
        if kind == b"gAMA" and number not in _HARMLESS_GAMMAS:
            return "a PNG with a gamma that turns the stored picture into another one"
        if kind == b"IDAT" and b"IDAT" in self.seen and self.previous != b"IDAT":
            return "a PNG whose picture data is interrupted by other chunks"
        if kind == b"acTL" and self.seen & {b"acTL", b"IDAT"}:
            return _CONTRADICTION
        return ""

    def animation_ambiguity(self) -> str:
        """Return the ambiguity of a wrong frame count, which decoders handle differently."""
        if self.declared_frames:
            return "" if self.declared_frames == [self.frames] else _CONTRADICTION
        return _CONTRADICTION if self.frames or b"fdAT" in self.seen else ""


def _exceeds_profile_limit(body: bytes) -> bool:
    """Say whether the body of an iCCP chunk unpacks to more than Pillow accepts.

    The body is a name, a zero byte, the compression method, and the packed profile.
    """
    packed = body.partition(b"\0")[2][1:]
    try:
        return (
            len(zlib.decompressobj().decompress(packed, _MAX_PROFILE_BYTES)) >= _MAX_PROFILE_BYTES
        )
    except zlib.error:
        return False


def outline_png(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a PNG file. Raises `DecodingError` beyond a limit."""
    visible, walk = [data[:8]], _Walk(limits)
    at = 8
    while at + _CHUNK_OVERHEAD_BYTES <= len(data) and walk.previous != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        walk.add_chunk(kind, length, data[at + 8 : at + 8 + min(length, 4)])
        if kind == b"iCCP" and _exceeds_profile_limit(data[at + 8 : at + 8 + length]):
            walk.ambiguity = "a PNG with a colour profile that is too large to check"
        elif kind in _VISIBLE_CHUNKS:
            visible.append(data[at : at + _CHUNK_OVERHEAD_BYTES + length])
        at += _CHUNK_OVERHEAD_BYTES + length
    has_sixteen_bits = data[24:25] == bytes([_SIXTEEN_BITS])
    ambiguity = walk.ambiguity or walk.animation_ambiguity()
    # The decoder reduces samples to eight bits, in which the transparent colour is not exact.
    if has_sixteen_bits and b"tRNS" in walk.seen:
        ambiguity = "a PNG of 16 bits with one colour transparent"
    return Outline(
        b"".join(visible), walk.previous == b"IEND" and at <= len(data), ambiguity=ambiguity
    )
