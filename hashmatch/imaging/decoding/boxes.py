"""Boxes of AVIF, HEIF and JPEG 2000 files (ISO/IEC 14496-12, and 15444-1 for JPEG 2000)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ..limits import Limits
from .colour import Coded, Declared, Profile
from .items import Items, read_items
from .outline import Outline

# Boxes that contain boxes, and boxes that contain pictures, or the video of a phone's live photo.
_CONTAINER_BOXES = frozenset(
    {b"meta", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jp2h"}
)
_PIXEL_BOXES = frozenset({b"mdat", b"idat", b"jp2c", b"mpvd"})
_HEADER_BYTES = 8


@dataclass
class _Walk:
    """The facts collected while the boxes of one file are read in order."""

    data: bytes
    limits: Limits
    metadata_bytes: int = 0
    track_frames: int = 0
    is_complete: bool = True
    has_crop: bool = False
    has_type: bool = False
    colours: list[Declared | None] = field(default_factory=list)
    # The end of the image file: phones append a video, a second file, to a photograph.
    end: int = 0

    def walk(self, at: int, end: int, depth: int) -> None:
        """Read all boxes in a range; bytes that are not a box are skipped."""
        self.limits.require_nesting(depth)
        while at + _HEADER_BYTES <= end:
            length, kind, header = self._read_header(at, end)
            # Every header counts, so that a file of nothing but empty boxes is refused early.
            self.metadata_bytes += header
            if kind == b"ftyp" and depth == 1:
                if self.has_type:
                    self.end = at
                    return
                self.has_type = True
            if length < header:  # Such a length would make the walk stand still or go back.
                return
            self._read_box(kind, at + header, min(at + length, end), depth)
            if kind in _CONTAINER_BOXES | _PIXEL_BOXES and at + length > end:
                self.is_complete = False
            self.limits.require_metadata(self.metadata_bytes)
            at += length

    def _read_box(self, kind: bytes, body: int, end: int, depth: int) -> None:
        if kind in _CONTAINER_BOXES:
            # A meta box has four bytes of version and flags before its boxes.
            self.walk(body + 4 * (kind == b"meta"), end, depth + 1)
        elif kind not in _PIXEL_BOXES:
            self.metadata_bytes += end - body
        if kind == b"colr":
            self.colours.append(_colour(self.data[body:end]))
        if kind == b"stsz":  # One size for each frame of a track.
            frames = int.from_bytes(self.data[body + 8 : body + 12], "big")
            self.limits.require_frames(frames)
            self.track_frames = max(self.track_frames, frames)
        self.has_crop |= kind == b"clap"

    def all_colours(self) -> tuple[Declared, ...]:
        """Return the colours of all pictures in the file, each once."""
        return tuple(dict.fromkeys(one for one in self.colours if one is not None))

    def _read_header(self, at: int, end: int) -> tuple[int, bytes, int]:
        """Return the length, kind and header length of the box at a position."""
        length, kind = struct.unpack_from(">I4s", self.data, at)
        if length == 0:  # The box extends to the end of the file.
            return end - at, kind, _HEADER_BYTES
        if length == 1:  # A length of 64 bits follows.
            return int.from_bytes(self.data[at + 8 : at + 16], "big"), kind, 16
        return length, kind, _HEADER_BYTES


def _colour(body: bytes) -> Declared | None:
    """Return the colour of a colr box, None for one of another kind."""
    match body[:4]:
        case b"nclx" if len(body) >= 8:
            return Coded(*struct.unpack_from(">HH", body, 4))
        case b"prof" | b"rICC":
            return Profile(body[4:])
        case _:
            return None


def outline_boxes(data: bytes, limits: Limits) -> Outline:
    """Walk the boxes of a HEIF or JPEG 2000 file. Raises `DecodingError` beyond a limit."""
    if data.startswith(b"\xff\x4f"):  # A bare JPEG 2000 codestream.
        return Outline(data)
    walk = _walk_boxes(data, limits)
    return Outline(
        data[: walk.end], walk.is_complete, walk.track_frames, colours=walk.all_colours()
    )


def outline_avif(data: bytes, limits: Limits) -> Outline:
    """Walk the boxes of an AVIF file. Raises `DecodingError` beyond a limit.

    A crop makes the file ambiguous: browsers apply it, libavif does not.
    """
    walk = _walk_boxes(data, limits)
    ambiguity = "an AVIF file with a crop, which not every viewer applies" if walk.has_crop else ""
    pixels = data[: walk.end]
    items = read_items(pixels) if b"prem" in pixels else Items(pixels)
    return Outline(
        items.without_multiplication(),
        walk.is_complete,
        walk.track_frames,
        ambiguity,
        walk.all_colours(),
        is_premultiplied=bool(items.premultiplied),
    )


def _walk_boxes(data: bytes, limits: Limits) -> _Walk:
    walk = _Walk(data, limits, end=len(data))
    walk.walk(0, len(data), depth=1)
    return walk
