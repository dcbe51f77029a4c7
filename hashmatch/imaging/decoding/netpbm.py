"""Netpbm files: PAM decoding, and detection of more pictures after the first."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .outline import Outline

# The numbers of a header are separated by white space and by comments up to the end of a line.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P([1-6f])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})")
# The largest value of a sample; floating-point pictures have a scale factor there.
_MAXIMUM = re.compile(_GAP + rb"-?(\d{1,9})(?:\.\d+)?\s")
_SECOND_HEADER = re.compile(rb"P[1-7fF]\s")
_TRAILING_DATA = "a Netpbm file with more data after its picture"


# PAM (pam(5)) is decoded here because Pillow does not read it. Modes by number of channels.
_PAM_LINE = re.compile(rb"(?:#[^\n]*|([A-Z]+)(?:[ \t]+([^\n]*))?|\s*)\n")
_PAM_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_MAX_HEADER_LINES = 100


@dataclass(frozen=True, slots=True)
class _PAMHeader:
    width: int
    height: int
    channels: int
    maximum: int
    start: int

    @property
    def size_bytes(self) -> int:
        return self.width * self.height * self.channels * (2 if self.maximum > 255 else 1)


def decode_pam(data: bytes, limits: Limits) -> Image.Image:
    """Return the picture of a PAM file. Raises `DecodingError`."""
    header = _read_pam_header(data)
    if header is None or header.channels not in _PAM_MODES or not 0 < header.maximum < 65536:
        raise DecodingError(Reason.UNDECODABLE, "the file starts like PAM but cannot be decoded")
    limits.require_size(header.width, header.height)
    if len(data) - header.start < header.size_bytes:
        raise DecodingError(Reason.TRUNCATED, "the file ends before the picture is complete")
    depth = np.dtype(">u2" if header.maximum > 255 else np.uint8)
    values = header.width * header.height * header.channels
    numbers = np.frombuffer(data, depth, values, header.start).astype(np.uint32)
    eight_bit = (np.minimum(numbers, header.maximum) * 255 // header.maximum).astype(np.uint8)
    image = Image.frombytes(
        _PAM_MODES[header.channels], (header.width, header.height), eight_bit.tobytes()
    )
    image.format = "PPM"  # Pillow's name for the whole family.
    return image


def _read_pam_header(data: bytes) -> _PAMHeader | None:
    facts: dict[bytes, bytes] = {}
    at = 3
    for _ in range(_MAX_HEADER_LINES):
        line = _PAM_LINE.match(data, at)
        if line is None:
            return None
        at = line.end()
        if line[1] == b"ENDHDR":
            break
        if line[1] is not None:
            facts[line[1]] = (line[2] or b"").strip()
    try:
        width, height, channels, maximum = (
            int(facts[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    except (KeyError, ValueError):
        return None
    return _PAMHeader(width, height, channels, maximum, at)


def _outline_pam(data: bytes) -> Outline:
    header = _read_pam_header(data)
    trailing = b"" if header is None else data[header.start + header.size_bytes :]
    return Outline(data, ambiguity=_TRAILING_DATA if trailing.strip() else "")


def outline_netpbm(data: bytes, _: Limits) -> Outline:
    """Return the outline of a Netpbm file, ambiguous if data follows the first picture.

    Some viewers show the pictures that follow, and Pillow shows the first alone.
    """
    if data.startswith(b"P7"):
        return _outline_pam(data)
    header = _HEADER.match(data)
    if header is None:
        return Outline(data)
    kind, width, height = header[1], int(header[2]), int(header[3])
    if kind in b"123":  # Samples are decimal digits, so a second header stands out.
        return Outline(
            data, ambiguity=_TRAILING_DATA if _SECOND_HEADER.search(data, header.end()) else ""
        )
    start, line_bytes = header.end() + 1, (width + 7) // 8
    if kind != b"4":
        maximum = _MAXIMUM.match(data, header.end())
        if maximum is None:
            return Outline(data)
        start = maximum.end()
        depth = 2 if int(maximum[1]) > 255 else 1
        line_bytes = width * {b"5": depth, b"6": 3 * depth}.get(kind, 4)
    trailing = data[start + line_bytes * height :]
    return Outline(data, ambiguity=_TRAILING_DATA if trailing.strip() else "")
