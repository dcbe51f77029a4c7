"""Outlines of image files, read from their containers before any decoder sees them.

A container is walked part by part without decoding, so that a file with too many frames, too much
metadata or too deep a nesting is refused before memory is spent on it. An outline need not be
exact, since the decoder notices its mistakes; it only has to end soon for any input.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .animation import walk_gif
from .bmp import FILE_HEADER_BYTES, read_header
from .boxes import outline_avif, outline_boxes
from .colour import Profile
from .icons import read_entries
from .jpeg_segments import walk_segments
from .jxl import outline_jxl
from .netpbm import outline_netpbm
from .outline import Outline
from .png import outline_png
from .tiff import outline_tiff
from .webp import outline_webp

_PROFILE_NAME = b"ICC_PROFILE\0"


def outline(data: bytes, image_format: str, limits: Limits) -> Outline:
    """Return the outline of a file of the given format. Raises `DecodingError` beyond a limit."""
    walk = _WALKS.get(image_format)
    return Outline(data) if walk is None else walk(data, limits)


def _outline_jpeg(data: bytes, limits: Limits) -> Outline:
    metadata_bytes = 0
    profile_parts: list[bytes] = []
    for marker, place in walk_segments(data):
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:  # Application segments and comments.
            metadata_bytes += 2 + place.stop - place.start
            limits.require_metadata(metadata_bytes)
        if marker == 0xE2 and data.startswith(_PROFILE_NAME, place.start):
            profile_parts.append(data[place][len(_PROFILE_NAME) :])
    numbers = sorted((one[:1], one[1:2]) for one in profile_parts)
    count = len(numbers)
    is_clear = numbers == [(bytes([one + 1]), bytes([count])) for one in range(count)]
    return Outline(
        data,
        ambiguity="" if is_clear else "a JPEG whose colour profile has contradictory parts",
        colours=tuple(_assemble_profiles(profile_parts)),
    )


def _assemble_profiles(parts: list[bytes]) -> Iterator[Profile]:
    """Yield the profile of a JPEG file in every way in which its parts may be put together.

    Each part begins with its number and how many there are (ICC.1, annex B.4). Where these
    contradict each other, decoders differ.
    """
    if not parts:
        return
    orders = (parts, sorted(parts, key=lambda one: one[:1]), parts[:1])
    for profile in dict.fromkeys(b"".join(one[2:] for one in order) for order in orders):
        yield Profile(profile)


def _outline_gif(data: bytes, limits: Limits) -> Outline:
    walk = walk_gif(data, limits.require_frames, limits.require_metadata)
    ambiguity = "" if walk.has_colours else "a GIF with a frame without a table of colours"
    return Outline(data, walk.is_complete, ambiguity=ambiguity, animation=walk.animation)


def _outline_psd(data: bytes, limits: Limits) -> Outline:
    at = 26  # The length of the fixed header.
    for _ in ("colour table", "resources"):
        length = int.from_bytes(data[at : at + 4], "big")
        limits.require_metadata(length)
        at += 4 + length
    return Outline(data, is_complete=at < len(data))


def _outline_ico(data: bytes, limits: Limits) -> Outline:
    limits.require_frames(int.from_bytes(data[4:6], "little"))
    try:
        for one in read_entries(data):
            limits.require_size(one.width, one.height)
    except struct.error as error:
        detail = "the directory of an icon ends early"
        raise DecodingError(Reason.TRUNCATED, detail) from error
    return Outline(data)


def _outline_bmp(data: bytes, limits: Limits) -> Outline:
    header = read_header(data, FILE_HEADER_BYTES)
    limits.require_size(header.width, header.height)
    return Outline(data, colours=header.colours)


def _outline_tiff(data: bytes, limits: Limits) -> Outline:
    try:
        pixels, is_complete = outline_tiff(data, limits)
    except (struct.error, OverflowError) as error:
        detail = "the directory of a TIFF points past the end of the file"
        raise DecodingError(Reason.TRUNCATED, detail) from error
    return Outline(pixels, is_complete)


_WALKS: dict[str, Callable[[bytes, Limits], Outline]] = {
    "PNG": outline_png,
    "JPEG": _outline_jpeg,
    "GIF": _outline_gif,
    "WEBP": outline_webp,
    "TIFF": _outline_tiff,
    "BMP": _outline_bmp,
    "AVIF": outline_avif,
    "HEIF": outline_boxes,
    "JPEG2000": outline_boxes,
    "JXL": outline_jxl,
    "ICO": _outline_ico,
    "PSD": _outline_psd,
    "PPM": outline_netpbm,
}
