"""EXIF tags of a block or of a TIFF file (CIPA DC-008; TIFF 6.0, section 2), within limits."""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeAlias

# The bytes of each tag that is read, by number.
Tags: TypeAlias = dict[int, bytes]

DESCRIPTION, MAKE, MODEL, SOFTWARE, ARTIST = 0x010E, 0x010F, 0x0110, 0x0131, 0x013B
MAKER_NOTE, USER_COMMENT, XP_TITLE, XP_COMMENT = 0x927C, 0x9286, 0x9C9B, 0x9C9C
_EXIF_IFD, _XMP, _C2PA = 0x8769, 700, 0xCD41
_READ = frozenset(
    {
        DESCRIPTION, MAKE, MODEL, SOFTWARE, ARTIST, MAKER_NOTE, USER_COMMENT, XP_TITLE, XP_COMMENT,
        _XMP, _C2PA,
    }
)  # fmt: skip
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
               16: 8, 17: 8, 18: 8}  # fmt: skip
_MAX_FIELDS, _MAX_DIRECTORIES = 1_000, 8
_CHARSET_BYTES = 8


class _Formats(NamedTuple):
    """The formats of a number of fields, of a field, and of an offset."""

    counts: str
    fields: str
    offsets: str


# Of TIFF, and of BigTIFF; the first offset stands at the width of one.
_WIDTHS = {42: ("H", "HHII", "I"), 43: ("Q", "HHQQ", "Q")}


def read_tags(data: bytes, limit: int) -> Tags:
    """Return the tags of the first directory and its EXIF directory; those before any damage.

    All values together have at most `limit` bytes.
    """
    tags: Tags = {}
    if not limit:
        return tags
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    try:
        version = 0 if not order else struct.unpack_from(order + "H", data, 2)[0]
        if version in _WIDTHS:
            formats = _Formats(*(order + one for one in _WIDTHS[version]))
            _read(data, formats, tags, limit)
    except struct.error:
        pass
    return tags


def _read(data: bytes, formats: _Formats, tags: Tags, left: int) -> None:
    """Read the directories that begin where the header says, within so many bytes."""
    counts, fields, offsets = formats
    width = struct.calcsize(offsets)
    field_bytes = struct.calcsize(fields)
    waiting, seen = [struct.unpack_from(offsets, data, width)[0]], set[int]()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        (count,) = struct.unpack_from(counts, data, at)
        at += struct.calcsize(counts)
        for place in range(at, at + field_bytes * min(count, _MAX_FIELDS), field_bytes):
            if place + field_bytes > len(data):
                break
            tag, kind, values, offset = struct.unpack_from(fields, data, place)
            if tag == _EXIF_IFD:
                waiting.append(offset)
            elif tag in _READ and tag not in tags:
                size = values * _TYPE_BYTES.get(kind, 0)
                start = place + field_bytes - width if size <= width else offset
                tags[tag] = data[start : start + min(size, left)]
                left -= len(tags[tag])


def tag_text(tag: int, value: bytes) -> str:
    """Return the text of a tag, without the characters that nobody can read."""
    if tag == USER_COMMENT:
        return _comment_text(value)
    if tag in (XP_TITLE, XP_COMMENT):
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return value.rstrip(b"\0").decode("utf-8", "replace")


def _comment_text(value: bytes) -> str:
    charset, text = value[:_CHARSET_BYTES], value[_CHARSET_BYTES:]
    if charset == b"UNICODE\0":
        if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return text.decode("utf-16", "replace")
        # The standard leaves the order open, and tools write either, or UTF-8.
        if 0 not in text:
            return text.decode("utf-8", "replace")
        both = [text.decode(one, "replace") for one in ("utf-16-be", "utf-16-le")]
        return max(both, key=lambda one: len(one.encode("ascii", "ignore")))
    if charset == b"JIS\0\0\0\0\0":
        return text.decode("iso2022_jp", "replace")
    if charset in (b"ASCII\0\0\0", bytes(_CHARSET_BYTES)):
        return text.rstrip(b"\0").decode("utf-8", "replace")
    return value.rstrip(b"\0").decode("utf-8", "replace")  # Some leave the charset out.
