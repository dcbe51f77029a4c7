"""Carriers: the parts of a file that can hold a mark, found in one bounded walk.

Nothing here decodes a pixel, and no content makes it raise: what cannot be read has no mark.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

from ..decoding import recognise
from ..decoding.items import read_items, walk_boxes
from ..decoding.jpeg_segments import walk_segments
from ..decoding.png import walk_chunks
from ..decoding.webp import walk_webp
from ..limits import DecodingError
from .exif import Tags, read_tags
from .png_text import read_text_chunk

# The most parts of a file that are looked at, such as chunks; the most of each that is read, and of
# all together.
_MAX_PARTS = 20_000
MAX_TEXT_BYTES = 1 << 20
_MAX_XMP_BYTES = 4 << 20
_MAX_EXIF_BYTES = 1 << 20
_MAX_BYTES = 8 << 20
# The most of them that are read; no honest file has more than a few.
_MAX_CARRIERS = 64
_MAX_EXTENTS = 64
_PHOTOSHOP, _IIM_CREDIT = b"Photoshop 3.0\0", b"\x1c\x02\x6e"
# Samsung appends its own fields to a JPEG file.
_SAMSUNG_END, _SAMSUNG_BYTES = b"SEFT", 1 << 17
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
# Of a segment of extended XMP: a digest of the whole, then its length and the part's place in it.
_DIGEST_BYTES, _PLACE = 32, struct.Struct(">II")
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_XMP_TAG, _C2PA_TAG = 700, 0xCD41
_GIF_XMP, _GIF_C2PA = b"XMP DataXMP", b"C2PA_GIF"
_GIF_FLAGS, _GIF_HEADER_BYTES, _GIF_EXTENSION, _GIF_COMMENT = 10, 13, 0x21, 0xFE
_MAX_GIF_BLOCKS = 4_000


@dataclass
class Carriers:
    """The carriers of one file: XMP packets, EXIF tags, texts, and the parts of its manifest.

    `texts` are those of PNG chunks, with their keys, and comments, by the carrier's name.
    """

    packets: list[bytes] = field(default_factory=list)
    tags: list[Tags] = field(default_factory=list)
    texts: list[tuple[str, str, str]] = field(default_factory=list)
    manifests: int = 0
    manifest_bytes: int = 0
    _bytes_left: int = _MAX_BYTES
    _parts_left: int = _MAX_CARRIERS

    def add_packet(self, data: bytes) -> None:
        """Add an XMP packet, or as much of it as is read."""
        if data := self._taken(data, _MAX_XMP_BYTES):
            self.packets.append(data)

    def add_text(self, carrier: str, key: str, data: bytes, encoding: str = "utf-8") -> None:
        """Add a text, or as much of it as is read."""
        if data := self._taken(data, MAX_TEXT_BYTES):
            self.texts.append((carrier, key, data.decode(encoding, "replace")))

    def next_limit(self, max_bytes: int) -> int:
        """Return how many bytes of the next part are read; 0 once enough is known of the file."""
        return max(0, min(max_bytes, self._bytes_left)) if self._parts_left > 0 else 0

    def add_manifest(self, size_bytes: int, *, is_first: bool = True) -> None:
        """Count a part of a manifest."""
        self.manifests += is_first
        self.manifest_bytes += size_bytes

    def charge(self, size_bytes: int) -> None:
        """Count a part that was read."""
        self._bytes_left -= size_bytes
        self._parts_left -= 1

    def _taken(self, data: bytes, max_bytes: int) -> bytes:
        data = data[: self.next_limit(max_bytes)]
        self.charge(len(data))
        return data

    def add_exif(self, data: bytes) -> None:
        """Add the EXIF tags in a block, which may begin with its identifier."""
        tags = read_tags(data.removeprefix(_EXIF), self.next_limit(_MAX_EXIF_BYTES))
        self.charge(sum(map(len, tags.values())))
        self.tags.append(tags)
        if packet := tags.get(_XMP_TAG):
            self.add_packet(packet)


def find_carriers(data: bytes) -> Carriers:
    """Return the carriers of a file; of what is damaged, those before the damage."""
    found = Carriers()
    walk = _WALKS.get(recognise(data) or "")
    if walk is not None:
        with suppress(struct.error, IndexError, ValueError, DecodingError):
            walk(data, found)
    return found


def _walk_png(data: bytes, found: Carriers) -> None:
    for kind, at, length in islice(walk_chunks(data), _MAX_PARTS):
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            _add_png_text(kind, data[at : at + min(length, MAX_TEXT_BYTES)], found)
        elif kind == b"eXIf":
            found.add_exif(data[at : at + length])
        elif kind == b"caBX":
            found.add_manifest(length)
        elif kind == b"comf":  # ComfyUI's, in animations: the name of a graph, and the graph.
            _, _, graph = data[at : at + min(length, MAX_TEXT_BYTES)].partition(b"\0")
            found.add_text("png", "", graph)


def _add_png_text(kind: bytes, body: bytes, found: Carriers) -> None:
    text = read_text_chunk(kind, body, found.next_limit(MAX_TEXT_BYTES))
    if text is None:
        return
    key, value = text
    found.charge(len(value))  # Whatever becomes of it.
    # Legacy of ImageMagick: blocks of other formats in hexadecimal digits.
    profile = key.removeprefix("Raw profile type ").casefold() if key.startswith("Raw ") else ""
    if key == "XML:com.adobe.xmp":
        found.add_packet(value)
    elif profile in ("exif", "app1", "xmp"):
        with suppress(ValueError):
            block = bytes.fromhex(value.split(b"\n", 3)[-1].decode("ascii"))
            if block.startswith(_XMP) or profile == "xmp":
                found.add_packet(block.removeprefix(_XMP))
            else:
                found.add_exif(block)
    else:
        encoding = "utf-8" if kind == b"iTXt" else "latin-1"
        found.add_text("png", key, value, encoding)


def _walk_jpeg(data: bytes, found: Carriers) -> None:
    extended: dict[bytes, list[tuple[int, slice]]] = {}
    for marker, place in islice(walk_segments(data), _MAX_PARTS):
        start = place.start
        if marker == 0xE1 and data.startswith(_EXTENDED_XMP, start):
            at = start + len(_EXTENDED_XMP)
            digest = data[at : at + _DIGEST_BYTES]
            _, offset = _PLACE.unpack_from(data, at + _DIGEST_BYTES)
            body = slice(at + _DIGEST_BYTES + _PLACE.size, place.stop)
            extended.setdefault(digest, []).append((offset, body))
        elif marker == 0xE1 and data.startswith(_XMP, start):
            found.add_packet(data[start + len(_XMP) : place.stop])
        elif marker == 0xE1 and data.startswith(_EXIF, start):
            found.add_exif(data[place])
        elif marker == 0xEB and data.startswith(b"JP", start):
            # Only the first of its parts has its name.
            found.add_manifest(place.stop - start, is_first=b"c2pa" in data[start : start + 512])
        elif marker == 0xED and data.startswith(_PHOTOSHOP, start):
            _add_credit(data[place], found)
        elif marker == 0xFE or (0xE0 <= marker <= 0xEF and data.startswith(b"AIGC", start)):
            found.add_text("jpeg", "", data[place])
    for parts in extended.values():
        ordered = sorted(parts, key=itemgetter(0))
        found.add_packet(b"".join(data[place] for _, place in ordered))
    if data.endswith(_SAMSUNG_END):
        found.add_text("jpeg", "", data[-_SAMSUNG_BYTES:], "latin-1")


def _add_credit(resources: bytes, found: Carriers) -> None:
    """Add the credit among IPTC's older fields (IIM 4.2, record 2, data set 110)."""
    at = resources.find(_IIM_CREDIT)
    if at >= 0:
        start = at + len(_IIM_CREDIT) + 2
        length = int.from_bytes(resources[start - 2 : start], "big")
        found.add_text("iptc", "Credit", resources[start : start + length])


def _walk_webp(data: bytes, found: Carriers) -> None:
    for kind, at, length in islice(walk_webp(data, len(data)), _MAX_PARTS):
        if kind == b"XMP ":
            found.add_packet(data[at : at + min(length, _MAX_XMP_BYTES)])
        elif kind == b"EXIF":
            found.add_exif(data[at : at + length])
        elif kind == b"C2PA":
            found.add_manifest(length)


def _walk_boxes(data: bytes, found: Carriers) -> None:
    has_meta = False
    for kind, at, end in islice(walk_boxes(data, 0, len(data)), _MAX_PARTS):
        has_meta |= kind == b"meta"
        if kind == b"uuid" and data.startswith(_C2PA_UUID, at):
            found.add_manifest(end - at)
        elif kind == b"uuid" and data.startswith(_XMP_UUID, at):
            found.add_packet(data[at + 16 : end])
        elif kind == b"xml ":
            found.add_packet(data[at:end])
        elif kind == b"Exif":
            _add_offset_exif(data[at:end], found)
        elif kind == b"jumb":
            found.add_manifest(end - at, is_first=b"c2pa" in data[at : at + 512])
    if has_meta:
        _add_items(data, found)


def _add_items(data: bytes, found: Carriers) -> None:
    items = read_items(data)
    for number, places in items.places.items():
        kind, limit = items.types.get(number), found.next_limit(_MAX_XMP_BYTES)
        if kind not in (b"Exif", b"mime") or not limit:
            continue
        body = b""
        for one in islice(places, _MAX_EXTENTS):
            body += data[one.start : min(one.stop, one.start + limit - len(body))]
        if kind == b"Exif":
            _add_offset_exif(body, found)
        else:
            found.add_packet(body)


def _add_offset_exif(body: bytes, found: Carriers) -> None:
    """Add an EXIF block that begins with its distance from there (ISO/IEC 23008-12, A.2.1)."""
    found.add_exif(body[4 + int.from_bytes(body[:4], "big") :])


def _walk_tiff(data: bytes, found: Carriers) -> None:
    found.add_exif(data)
    found.manifests = sum(_C2PA_TAG in one for one in found.tags)


def _walk_gif(data: bytes, found: Carriers) -> None:
    # Searched for instead of walked: a picture has a block every 255 bytes.
    if (at := data.find(_GIF_XMP)) >= 0:
        at += len(_GIF_XMP)
        # The packet stands there as it is, or, against the specification, in blocks.
        is_plain = data[at : at + 2] in (b"<?", b"<x", b"<r", b"\xef\xbb")
        found.add_packet(data[at : at + _MAX_XMP_BYTES] if is_plain else _sub_blocks(data, at)[0])
    found.manifests = int(_GIF_C2PA in data)
    # The comments before the first picture, after the table of colours.
    flags = data[_GIF_FLAGS]
    at = _GIF_HEADER_BYTES + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(_MAX_CARRIERS):
        if data[at] != _GIF_EXTENSION:
            return
        is_comment, at = data[at + 1] == _GIF_COMMENT, at + 2
        text, at = _sub_blocks(data, at)
        if is_comment:
            found.add_text("gif", "", text)


def _sub_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the content of a row of blocks, and where it ends."""
    parts: list[bytes] = []
    while (size := data[at]) and len(parts) < _MAX_GIF_BLOCKS:
        parts.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    return b"".join(parts), at + 1


_WALKS: dict[str, Callable[[bytes, Carriers], None]] = {
    "PNG": _walk_png,
    "JPEG": _walk_jpeg,
    "WEBP": _walk_webp,
    "AVIF": _walk_boxes,
    "HEIF": _walk_boxes,
    "JXL": _walk_boxes,
    "JPEG2000": _walk_boxes,
    "TIFF": _walk_tiff,
    "GIF": _walk_gif,
}
