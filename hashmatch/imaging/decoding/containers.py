"""What a file is made of, read from its outline before any decoder sees it.

An outline is walked part by part without decoding, so that a file with too many frames, too much
metadata or too deep a nesting is refused before memory is spent on it. What the outline gets
wrong, the decoder will notice; this only has to end soon, whatever the bytes say.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .tiff import outline_tiff


@dataclass(frozen=True, slots=True)
class Outline:
    """A file's outline.

    `pixels` is the file without the metadata that no picture needs, where leaving it out is easy.
    `is_whole` is false where parts that the outline names are missing at the end. `track_frames`
    counts frames that are not pictures of their own but parts of a film.
    """

    pixels: bytes
    is_whole: bool = True
    track_frames: int = 0


def outline(data: bytes, image_format: str, limits: Limits) -> Outline:
    """Return the outline of a file of that format. Raises `DecodingError` beyond a limit."""
    walk = _WALKS.get(image_format)
    return Outline(data) if walk is None else walk(data, limits)


# Of PNG's chunks, those that decide what is shown; the others may be as large as they like.
_SHOWN_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf"}
)
_CHUNK_OVERHEAD = 12


def _outline_png(data: bytes, limits: Limits) -> Outline:
    shown = [data[:8]]
    at, metadata_bytes = 8, 0
    while at + _CHUNK_OVERHEAD <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + _CHUNK_OVERHEAD + length
        if kind not in _SHOWN_CHUNKS or kind == b"eXIf":
            metadata_bytes += _CHUNK_OVERHEAD + length
            limits.require_metadata(metadata_bytes)
        if kind == b"acTL" and length >= 4:
            limits.require_frames(int.from_bytes(data[at + 8 : at + 12], "big"))
        if kind in _SHOWN_CHUNKS:
            shown.append(data[at:end])
        at = end
        if kind == b"IEND":
            return Outline(b"".join(shown))
    return Outline(b"".join(shown), is_whole=False)


def _outline_jpeg(data: bytes, limits: Limits) -> Outline:
    at, metadata_bytes = 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # Markers may be padded.
            at += 1
            continue
        if marker == 0xDA:  # From here on there is picture.
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            metadata_bytes += length
            limits.require_metadata(metadata_bytes)
        at += 2 + length
    return Outline(data)


def _outline_gif(data: bytes, limits: Limits) -> Outline:
    at = 13 + _gif_colours(data, 10)
    frames = metadata_bytes = 0
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:
            return Outline(data)
        if kind == 0x2C:
            frames += 1
            limits.require_frames(frames)
            at = _after_gif_blocks(data, at + 11 + _gif_colours(data, at + 9))
        elif kind == 0x21:
            after = _after_gif_blocks(data, at + 2)
            metadata_bytes += after - at
            limits.require_metadata(metadata_bytes)
            at = after
        else:
            at += 1  # Decoders skip what they do not know.
    return Outline(data, is_whole=False)


def _gif_colours(data: bytes, at: int) -> int:
    """Return the size in bytes of the colour table that the flags there announce."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_gif_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _outline_webp(data: bytes, limits: Limits) -> Outline:
    end = 8 + int.from_bytes(data[4:8], "little")
    frames = metadata_bytes = 0
    at = 12
    while at + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 18]
        if kind == b"ANMF":
            frames += 1
            limits.require_frames(frames)
        elif kind == b"VP8X" and len(body) == 10:
            sides = (int.from_bytes(body[place : place + 3], "little") + 1 for place in (4, 7))
            limits.require_size(*sides)
        elif kind not in (b"VP8 ", b"VP8L", b"ALPH", b"ANIM"):
            metadata_bytes += 8 + length
            limits.require_metadata(metadata_bytes)
        at += 8 + length + length % 2
    return Outline(data, is_whole=end <= len(data))


# Boxes of the ISO base media format that hold boxes, and those that hold pictures.
_BOXES_OF_BOXES = frozenset(
    {b"meta", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jp2h"}
)
_BOXES_OF_PIXELS = frozenset({b"mdat", b"idat", b"jp2c"})
_BOX_OVERHEAD = 8


@dataclass
class _Boxes:
    """A walk through boxes within boxes (ISO/IEC 14496-12, and ISO/IEC 15444-1 for JPEG 2000)."""

    data: bytes
    limits: Limits
    metadata_bytes: int = 0
    track_frames: int = 0
    is_whole: bool = True

    def walk(self, at: int, end: int, depth: int) -> None:
        """Look at all boxes in a range; what is no box in it is passed over."""
        self.limits.require_nesting(depth)
        while at + _BOX_OVERHEAD <= end:
            length, kind, header = self._read_header(at, end)
            # Every box counts, so that a file of nothing but boxes is soon given up.
            self.metadata_bytes += header
            if length < header:
                return
            box_end = min(at + length, end)
            if kind in _BOXES_OF_BOXES | _BOXES_OF_PIXELS and box_end < at + length:
                self.is_whole = False
            if kind in _BOXES_OF_BOXES:
                self.walk(at + header + 4 * (kind == b"meta"), box_end, depth + 1)
            elif kind == b"stsz":  # One size for each frame of a track.
                frames = int.from_bytes(self.data[at + header + 8 : at + header + 12], "big")
                self.limits.require_frames(frames)
                self.track_frames = max(self.track_frames, frames)
                self.metadata_bytes += box_end - at - header
            elif kind not in _BOXES_OF_PIXELS:
                self.metadata_bytes += box_end - at - header
            self.limits.require_metadata(self.metadata_bytes)
            at += length

    def _read_header(self, at: int, end: int) -> tuple[int, bytes, int]:
        """Return the length, kind and header length of the box there."""
        length, kind = struct.unpack_from(">I4s", self.data, at)
        if length == 0:
            return end - at, kind, _BOX_OVERHEAD
        if length == 1:
            return int.from_bytes(self.data[at + 8 : at + 16], "big"), kind, 16
        return length, kind, _BOX_OVERHEAD


def _outline_boxes(data: bytes, limits: Limits) -> Outline:
    if data.startswith(b"\xff\x4f"):  # A bare JPEG 2000 codestream.
        return Outline(data)
    boxes = _Boxes(data, limits)
    boxes.walk(0, len(data), depth=1)
    return Outline(data, boxes.is_whole, boxes.track_frames)


def _outline_psd(data: bytes, limits: Limits) -> Outline:
    at = 26
    for _ in ("colour table", "resources"):
        length = int.from_bytes(data[at : at + 4], "big")
        limits.require_metadata(length)
        at += 4 + length
    return Outline(data, is_whole=at < len(data))


def icon_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the width and height that each picture in an icon file declares in its own header."""
    for number in range(int.from_bytes(data[4:6], "little")):
        offset = int.from_bytes(data[18 + 16 * number : 22 + 16 * number], "little")
        header = data[offset : offset + 24]
        if header.startswith(b"\x89PNG"):
            yield int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
        elif len(header) == 24:
            width, height = struct.unpack_from("<ii", header, 4)
            yield abs(width), abs(height) // 2


def _outline_ico(data: bytes, limits: Limits) -> Outline:
    limits.require_frames(int.from_bytes(data[4:6], "little"))
    for width, height in icon_sizes(data):
        limits.require_size(width, height)
    return Outline(data)


def _outline_tiff(data: bytes, limits: Limits) -> Outline:
    try:
        outline_tiff(data, limits)
    except (struct.error, OverflowError) as error:
        detail = "the directory of a TIFF points past the end of the file"
        raise DecodingError(Reason.TRUNCATED, detail) from error
    return Outline(data)


_WALKS: dict[str, Callable[[bytes, Limits], Outline]] = {
    "PNG": _outline_png,
    "JPEG": _outline_jpeg,
    "GIF": _outline_gif,
    "WEBP": _outline_webp,
    "TIFF": _outline_tiff,
    "AVIF": _outline_boxes,
    "HEIF": _outline_boxes,
    "JPEG2000": _outline_boxes,
    "ICO": _outline_ico,
    "PSD": _outline_psd,
}
