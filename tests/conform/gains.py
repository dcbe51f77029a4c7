"""JPEG files with a gain map, as Adobe's Gain Map 1.0 and ISO 21496-1 store it."""

from __future__ import annotations

import struct

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
# By two stops up, or from four times the brightness of white down to white.
_STOPS = 2


def with_gain_map(base: bytes, gain_map: bytes, kind: str, *, is_base_hdr: bool) -> bytes:
    """Return a JPEG file whose other rendition follows from a map, as XMP or ISO data say."""
    if kind == "xmp":
        own = _segment(0xE1, _XMP + _packet('hdrgm:Version="1.0"'))
        other = _segment(0xE1, _XMP + _packet(
            f'hdrgm:Version="1.0" hdrgm:GainMapMin="0" hdrgm:GainMapMax="{_STOPS}" hdrgm:Gamma="1" '
            f'hdrgm:OffsetSDR="0.015625" hdrgm:OffsetHDR="0.015625" hdrgm:HDRCapacityMin="0" '
            f'hdrgm:HDRCapacityMax="{_STOPS}" hdrgm:BaseRenditionIsHDR="{is_base_hdr}"'
        ))  # fmt: skip
    else:
        own = _segment(0xE2, _ISO + struct.pack(">HH", 0, 0))
        base_stops, other_stops = (_STOPS, 0) if is_base_hdr else (0, _STOPS)
        numbers = struct.pack(
            ">14i", base_stops, 1, other_stops, 1, 0, 1, _STOPS, 1, 1, 1, 1, 64, 1, 64
        )
        other = _segment(0xE2, _ISO + struct.pack(">HHB", 0, 0, 0) + numbers)
    second = gain_map[:2] + other + gain_map[2:]
    # The index of the pictures comes last of the segments that are added.
    head = base[:2] + own
    index_at = len(head) + 4 + 4
    first_bytes = len(base) + len(own) + len(_segment(0xE2, _index(0, 0, 0)))
    index = _segment(0xE2, _index(first_bytes, len(second), first_bytes - index_at))
    return head + index + base[2:] + second


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _packet(attributes: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" {attributes}/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def _index(first_bytes: int, second_bytes: int, second_at: int) -> bytes:
    """Return the index of two pictures (CIPA DC-007)."""
    tags = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(
        "<HHIIHHIII", 0xB001, 4, 1, 2, 0xB002, 7, 32, 50, 0
    )
    entries = struct.pack("<IIIHH", 0x030000, first_bytes, 0, 0, 0) + struct.pack(
        "<IIIHH", 0, second_bytes, second_at, 0, 0
    )
    return b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + tags + entries
