"""Netpbm files, of which one may hold several pictures, one after another."""

from __future__ import annotations

import re

from ..limits import Limits
from .outline import Outline

# The numbers of a header are parted by white space and by comments, which end with their line.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P([1-6f])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})")
# Of the numbers; floating-point pictures have a scale there.
_MAXIMUM = re.compile(_GAP + rb"-?(\d{1,9})(?:\.\d+)?\s")
_ANOTHER = re.compile(rb"P[1-7fF]\s")
_DOUBT = "a Netpbm file with something behind its picture"


def outline_netpbm(data: bytes, _: Limits) -> Outline:
    """Look behind the first picture, where viewers find more."""
    header = _HEADER.match(data)
    if header is None:
        return Outline(data)
    kind, width, height = header[1], int(header[2]), int(header[3])
    if kind in b"123":  # Numbers in words, so that a second header would stand out.
        return Outline(data, doubt=_DOUBT if _ANOTHER.search(data, header.end()) else "")
    start, line_bytes = header.end() + 1, (width + 7) // 8
    if kind != b"4":
        maximum = _MAXIMUM.match(data, header.end())
        if maximum is None:
            return Outline(data)
        start = maximum.end()
        depth = 2 if int(maximum[1]) > 255 else 1
        line_bytes = width * {b"5": depth, b"6": 3 * depth}.get(kind, 4)
    behind = data[start + line_bytes * height :]
    return Outline(data, doubt=_DOUBT if behind.strip() else "")
