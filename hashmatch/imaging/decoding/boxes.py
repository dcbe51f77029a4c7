"""The boxes of AVIF, HEIF and JPEG 2000 files (ISO/IEC 14496-12, and 15444-1 for JPEG 2000)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..limits import Limits
from .outline import Outline

# Boxes that hold boxes, and boxes that hold pictures, or a film that a phone took beside them.
_OF_BOXES = frozenset(
    {b"meta", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jp2h"}
)
_OF_PIXELS = frozenset({b"mdat", b"idat", b"jp2c", b"mpvd"})
_OVERHEAD = 8


@dataclass
class _Walk:
    data: bytes
    limits: Limits
    metadata_bytes: int = 0
    track_frames: int = 0
    is_whole: bool = True
    has_crop: bool = False
    has_type: bool = False
    # Where the file ends: before a second one, as phones append a film to a photograph.
    end: int = 0

    def walk(self, at: int, end: int, depth: int) -> None:
        """Look at all boxes in a range; what is no box in it is passed over."""
        self.limits.require_nesting(depth)
        while at + _OVERHEAD <= end:
            length, kind, header = self._read_header(at, end)
            # Every box counts, so that a file of nothing but boxes is soon given up.
            self.metadata_bytes += header
            if kind == b"ftyp" and depth == 1:
                if self.has_type:
                    self.end = at
                    return
                self.has_type = True
            if length < header:
                return
            self._look(kind, at + header, min(at + length, end), depth)
            if kind in _OF_BOXES | _OF_PIXELS and at + length > end:
                self.is_whole = False
            self.limits.require_metadata(self.metadata_bytes)
            at += length

    def _look(self, kind: bytes, body: int, end: int, depth: int) -> None:
        if kind in _OF_BOXES:
            self.walk(body + 4 * (kind == b"meta"), end, depth + 1)
        elif kind not in _OF_PIXELS:
            self.metadata_bytes += end - body
        if kind == b"stsz":  # One size for each frame of a track.
            frames = int.from_bytes(self.data[body + 8 : body + 12], "big")
            self.limits.require_frames(frames)
            self.track_frames = max(self.track_frames, frames)
        self.has_crop |= kind == b"clap"

    def _read_header(self, at: int, end: int) -> tuple[int, bytes, int]:
        """Return the length, kind and header length of the box there."""
        length, kind = struct.unpack_from(">I4s", self.data, at)
        if length == 0:
            return end - at, kind, _OVERHEAD
        if length == 1:
            return int.from_bytes(self.data[at + 8 : at + 16], "big"), kind, 16
        return length, kind, _OVERHEAD


def outline_boxes(data: bytes, limits: Limits) -> Outline:
    """Walk the boxes of a HEIF or JPEG 2000 file. Raises `DecodingError` beyond a limit."""
    if data.startswith(b"\xff\x4f"):  # A bare JPEG 2000 codestream.
        return Outline(data)
    walk = _walked(data, limits)
    return Outline(data[: walk.end], walk.is_whole, walk.track_frames)


def outline_avif(data: bytes, limits: Limits) -> Outline:
    """Walk the boxes of an AVIF file, of which libavif, but no browser, overlooks a crop."""
    walk = _walked(data, limits)
    doubt = "an AVIF file of which only a part is to be shown" if walk.has_crop else ""
    return Outline(data[: walk.end], walk.is_whole, walk.track_frames, doubt)


def _walked(data: bytes, limits: Limits) -> _Walk:
    walk = _Walk(data, limits, end=len(data))
    walk.walk(0, len(data), depth=1)
    return walk
