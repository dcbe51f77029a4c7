"""The chunks of a PNG file (PNG, third edition, sections 5 and 11)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from ..limits import Limits
from .outline import Outline

# Those that decide what is shown, and the colour profile.
_SHOWN = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"iCCP"}
)
_METADATA_TOO = frozenset({b"eXIf", b"iCCP"})
# The largest profile that Pillow unpacks; a file with a larger one it gives up.
_LARGEST_PROFILE = 1 << 20
_OVERHEAD = 12
_DEEP = 16
# File gammas, times 100,000, under which a picture looks about the same everywhere. Far from them
# those who heed gAMA show another picture than those who do not.
_HARMLESS_GAMMAS = range(30_000, 110_001)
_CONTRADICTION = "an APNG whose frames are not those that it announces"


@dataclass
class _Walk:
    """What the chunks looked at so far say of the file."""

    limits: Limits
    seen: set[bytes] = field(default_factory=set)
    previous: bytes = b""
    metadata_bytes: int = 0
    announced: list[int] = field(default_factory=list)
    frames: int = 0
    doubt: str = ""

    def look(self, kind: bytes, length: int, body: bytes) -> None:
        """Take the next chunk into account, of whose body the beginning is enough."""
        if kind not in _SHOWN or kind in _METADATA_TOO:
            self.metadata_bytes += _OVERHEAD + length
            self.limits.require_metadata(self.metadata_bytes)
        number = int.from_bytes(body[:4], "big")
        if kind == b"acTL":
            self.limits.require_frames(number)
            self.announced.append(number)
        self.frames += kind == b"fcTL"
        self.doubt = self.doubt or self._doubt(kind, number)
        self.seen.add(kind)
        self.previous = kind

    def _doubt(self, kind: bytes, number: int) -> str:
        if kind == b"gAMA" and number not in _HARMLESS_GAMMAS:
            return "a PNG whose gamma makes another picture of it"
        if kind == b"IDAT" and b"IDAT" in self.seen and self.previous != b"IDAT":
            return "a PNG whose picture is interrupted by other parts"
        if kind == b"acTL" and self.seen & {b"acTL", b"IDAT"}:
            return _CONTRADICTION
        return ""

    def animation_doubt(self) -> str:
        """Return a doubt where the frames are not those announced, which decoders take in turns."""
        if self.announced:
            return "" if self.announced == [self.frames] else _CONTRADICTION
        return _CONTRADICTION if self.frames or b"fdAT" in self.seen else ""


def _unpacks_too_far(body: bytes) -> bool:
    """Say whether a packed profile, which its name and a method precede, is too large unpacked."""
    packed = body.partition(b"\0")[2][1:]
    try:
        return len(zlib.decompressobj().decompress(packed, _LARGEST_PROFILE)) >= _LARGEST_PROFILE
    except zlib.error:
        return False


def outline_png(data: bytes, limits: Limits) -> Outline:
    """Walk the chunks. Raises `DecodingError` beyond a limit."""
    shown, walk = [data[:8]], _Walk(limits)
    at = 8
    while at + _OVERHEAD <= len(data) and walk.previous != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        walk.look(kind, length, data[at + 8 : at + 8 + min(length, 4)])
        if kind == b"iCCP" and _unpacks_too_far(data[at + 8 : at + 8 + length]):
            walk.doubt = "a PNG whose colour profile is too large to look at"
        elif kind in _SHOWN:
            shown.append(data[at : at + _OVERHEAD + length])
        at += _OVERHEAD + length
    is_deep = data[24:25] == bytes([_DEEP])
    doubt = walk.doubt or walk.animation_doubt()
    if is_deep and b"tRNS" in walk.seen:
        doubt = "a PNG of 16 bits with one colour transparent"
    return Outline(b"".join(shown), walk.previous == b"IEND" and at <= len(data), doubt=doubt)
