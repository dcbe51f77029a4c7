"""Segments of a JPEG file before its pixels (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PADDING, _SCAN = 0xFF, 0xDA
_FILL = re.compile(rb"\xff+")


def walk_segments(data: bytes, start: int = 0) -> Iterator[tuple[int, slice]]:
    """Yield the marker and the place of each segment of the picture that begins at a position."""
    at = start + 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
        if data[at + 1] == _PADDING:  # Markers may be padded, with millions of bytes.
            at = _FILL.match(data, at).end() - 1  # type: ignore[union-attr]  # It always matches.
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], slice(at + 4, at + 2 + length)
        at += 2 + max(2, length)
