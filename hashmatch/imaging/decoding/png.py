"""Chunks of a PNG file (PNG, third edition, sections 5 and 11)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from ..limits import Limits
from .animation import Animation, Blend, Disposal, Part
from .colour import Calibration, Coded, Declared, Profile
from .outline import Outline

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The chunks that determine the picture; what says how to show it is read here.
_VISIBLE_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"}
)
# Of several of these, each decoder takes another.
_SINGLE_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"eXIf"})
# What every frame of an animation needs beside its pixels.
_SHARED_CHUNKS = frozenset({b"PLTE", b"tRNS"})
# The largest profile that is unpacked.
_MAX_PROFILE_BYTES = 1 << 20
_CHUNK_OVERHEAD_BYTES, _CONTROL_BYTES = 12, 26
_LAST_INTENT = 3  # Of rendering, in an sRGB chunk.
_CONTRADICTION = "an APNG with more or fewer frames than it declares"
_BLENDS = {0: Blend.SOURCE, 1: Blend.OVER}
_DISPOSALS = {0: Disposal.KEEP, 1: Disposal.CLEAR, 2: Disposal.RESTORE}


@dataclass
class _Walk:
    """The facts collected from the chunks read so far."""

    data: bytes
    limits: Limits
    seen: set[bytes] = field(default_factory=set)
    previous: bytes = b""
    metadata_bytes: int = 0
    declared_frames: list[int] = field(default_factory=list)
    # By frame of the animation: its control chunk, and the places of its compressed pixels.
    controls: list[bytes] = field(default_factory=list)
    pixels: list[list[slice]] = field(default_factory=list)
    shared: list[bytes] = field(default_factory=list)
    colours: list[Declared] = field(default_factory=list)
    is_srgb: bool = False
    gamma: int = 0
    chromaticities: bytes = b""
    exif: bytes = b""
    ambiguity: str = ""

    def add_chunk(self, kind: bytes, at: int, length: int) -> None:
        """Add the next chunk, whose body begins at the given position."""
        if kind not in _VISIBLE_CHUNKS:
            self.metadata_bytes += _CHUNK_OVERHEAD_BYTES + length
            self.limits.require_metadata(self.metadata_bytes)
            if kind != b"sRGB" or _is_intact(self.data[at - 4 : at + length + 4]):
                self._add_metadata(kind, self.data[at : at + length])
        self._add_frame_data(kind, at, length)
        self.ambiguity = self.ambiguity or self._ambiguity(kind)
        self.seen.add(kind)
        self.previous = kind

    def _add_metadata(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"eXIf":
                self.exif = body
            case b"cICP" if len(body) == 4:
                self.colours.append(Coded(body[0], body[1]))
            case b"iCCP":
                self._add_profile(body)
            case b"sRGB" if len(body) == 1 and body[0] <= _LAST_INTENT and b"IDAT" not in self.seen:
                self.is_srgb = True
            case b"gAMA" if len(body) == 4:
                self.gamma = int.from_bytes(body, "big")
            case b"cHRM" if len(body) == 32:
                self.chromaticities = body

    def _add_profile(self, body: bytes) -> None:
        """Add the profile of an iCCP chunk: a name, a zero byte, a method and packed bytes."""
        try:
            unpacker = zlib.decompressobj()
            profile = unpacker.decompress(body.partition(b"\0")[2][1:], _MAX_PROFILE_BYTES)
        except zlib.error:
            return  # A damaged profile is none for browsers, either.
        if len(profile) == _MAX_PROFILE_BYTES:
            self.ambiguity = "a PNG with a colour profile that is too large to check"
        self.colours.append(Profile(profile))

    def _add_frame_data(self, kind: bytes, at: int, length: int) -> None:
        if kind == b"acTL":
            number = int.from_bytes(self.data[at : at + 4], "big")
            self.limits.require_frames(number)
            self.declared_frames.append(number)
        elif kind == b"fcTL":
            self.limits.require_frames(len(self.controls) + 1)
            self.controls.append(self.data[at : at + _CONTROL_BYTES])
            self.pixels.append([])
        elif kind == b"IDAT" and self.pixels:
            self.pixels[-1].append(slice(at, at + length))
        elif kind == b"fdAT" and self.pixels:
            self.pixels[-1].append(slice(at + 4, at + length))
        elif kind in _SHARED_CHUNKS:
            self.shared.append(_chunk(kind, self.data[at : at + length]))

    def _ambiguity(self, kind: bytes) -> str:
        if kind == b"IDAT" and b"IDAT" in self.seen and self.previous != b"IDAT":
            return "a PNG whose picture data is interrupted by other chunks"
        if kind == b"acTL" and self.seen & {b"acTL", b"IDAT"}:
            return _CONTRADICTION
        if kind in _SHARED_CHUNKS and b"IDAT" in self.seen:
            return f"a PNG with a {kind.decode()} chunk behind its picture"
        if kind in self.seen & _SINGLE_CHUNKS:
            return f"a PNG with more than one {kind.decode()} chunk"
        return ""

    def animation_ambiguity(self) -> str:
        """Return the ambiguity of a wrong frame count, which decoders handle differently."""
        if self.declared_frames:
            is_whole = all(self.pixels) and all(map(_is_control, self.controls))
            return (
                "" if self.declared_frames == [len(self.controls)] and is_whole else _CONTRADICTION
            )
        return _CONTRADICTION if self.controls or b"fdAT" in self.seen else ""

    def all_colours(self) -> tuple[Declared, ...]:
        """Return what the file says of its colours; sRGB overrides its gamma and primaries."""
        if not self.is_srgb and (self.gamma or self.chromaticities):
            exponent = (self.gamma or 45_455) / 100_000
            if self.chromaticities:
                numbers = [one / 100_000 for one in struct.unpack(">8I", self.chromaticities)]
                white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
                self.colours.append(Calibration(exponent, (white, red, green, blue)))
            else:
                self.colours.append(Calibration(exponent))
        return tuple(self.colours)

    def animation(self) -> Animation | None:
        """Return the frames of an animation, None for a still picture."""
        if not self.declared_frames or self.animation_ambiguity():
            return None
        header = self.data[16:29]
        width, height = struct.unpack_from(">II", header)
        parts = [
            self._part(header, control, places)
            for control, places in zip(self.controls, self.pixels, strict=True)
        ]
        return Animation(width, height, parts)

    def _part(self, header: bytes, control: bytes, places: list[slice]) -> Part:
        left, top = struct.unpack_from(">II", control, 12)
        still = partial(self._as_file, control[4:12] + header[8:], places)
        return Part(left, top, still, _BLENDS[control[25]], _DISPOSALS[control[24]])

    def _as_file(self, header: bytes, places: list[slice]) -> bytes:
        pixels = b"".join(self.data[place] for place in places)
        chunks = (_chunk(b"IHDR", header), *self.shared, _chunk(b"IDAT", pixels))
        return _SIGNATURE + b"".join((*chunks, _chunk(b"IEND", b"")))


def _is_control(control: bytes) -> bool:
    return len(control) == _CONTROL_BYTES and control[24] in _DISPOSALS and control[25] in _BLENDS


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _is_intact(chunk: bytes) -> bool:
    """Say whether the checksum at the end of a chunk, given without its length, is right."""
    return zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:], "big")


def walk_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, the place of the body and the length of each chunk up to the last."""
    at, kind = len(_SIGNATURE), b""
    while at + _CHUNK_OVERHEAD_BYTES <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, length
        at += _CHUNK_OVERHEAD_BYTES + length


def outline_png(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a PNG file. Raises `DecodingError` beyond a limit."""
    visible, walk, end = [data[: len(_SIGNATURE)]], _Walk(data, limits), 0
    for kind, at, length in walk_chunks(data):
        walk.add_chunk(kind, at, length)
        end = at + length + 4
        if kind in _SHARED_CHUNKS and not _is_intact(data[at - 4 : end]):
            # Browsers do without it.
            walk.ambiguity = walk.ambiguity or f"a PNG with a damaged {kind.decode()} chunk"
        elif kind in _VISIBLE_CHUNKS:
            visible.append(data[at - 8 : end])
    return Outline(
        b"".join(visible),
        walk.previous == b"IEND" and end <= len(data),
        ambiguity=walk.ambiguity or walk.animation_ambiguity(),
        colours=walk.all_colours(),
        exif=walk.exif,
        animation=walk.animation(),
    )
