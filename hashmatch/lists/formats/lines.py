"""Text files with one row per line, decoded line by line, so that damage is limited to its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeAlias

from .interface import BadRow
from .text import open_text

# No licensor's line is nearly as long; the limit bounds the memory.
_MAX_LINE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 16
# Hexadecimal of 64 bits or more, a SHA-1 in base32, base64 with its padding, and longer values.
_LIKE_A_HASH = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[0-9A-Fa-f]{16,}|[A-Za-z2-7]{32}|[A-Za-z0-9+/]{20,}={1,2}"
    r"|[A-Za-z0-9+/]{60,})(?![A-Za-z0-9+/=])"
)

# A line by its number from 1, without its end, or why it is rejected.
Line: TypeAlias = tuple[int, str] | BadRow


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield the lines of a file in UTF-8 or UTF-16, comments included; skip blank ones."""
    number = 0
    text_stream, encoding = open_text(stream)
    while block := text_stream.read(_BLOCK_BYTES):
        if not block.endswith(b"\n"):
            block += text_stream.readline(_MAX_LINE_BYTES)
        lines = _plain_lines(block)
        if lines is not None:
            for text in lines:
                number += 1
                if text and not text.isspace():
                    yield number, text
            continue
        raw_lines = block.removesuffix(b"\n").split(b"\n")
        for raw in raw_lines:
            number += 1
            if (line := _checked(number, raw, encoding)) is not None:
                yield line
        if len(raw_lines[-1]) >= _MAX_LINE_BYTES and not block.endswith(b"\n"):
            _skip_rest_of_line(text_stream)


def _plain_lines(block: bytes) -> list[str] | None:
    """Return the lines of a block, None where one may have to be rejected.

    A check of the block costs a tenth of one of each of its lines.
    """
    if len(block) >= _MAX_LINE_BYTES:
        return None
    try:
        text = block.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text else text.removesuffix("\n").split("\n")


def _checked(number: int, raw: bytes, encoding: str) -> Line | None:
    """Return a line, None for a blank one."""
    if len(raw) >= _MAX_LINE_BYTES:
        return BadRow(number, "the line is longer than a mebibyte")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return BadRow(number, f"invalid {encoding}")
    # Either is a sign of damage, such as lines that have lost their ends.
    if "\r" in text or "\0" in text:
        return BadRow(number, "a carriage return or null byte within the line")
    return (number, text) if text and not text.isspace() else None


def without_comments(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines that are no comments, for formats in which no row begins with "#"."""
    for line in lines:
        if isinstance(line, BadRow) or not is_marked(line[1]):
            yield line
        elif has_hash(line[1]) or "{" in line[1]:
            yield doubtful_comment(line[0])


def is_marked(text: str) -> bool:
    """Say whether a line begins as comments do."""
    return text.lstrip().startswith("#")


def has_hash(text: str) -> bool:
    """Say whether a text has a word that looks like a hash."""
    return _LIKE_A_HASH.search(text) is not None


def doubtful_comment(number: int) -> BadRow:
    """Return the rejection of a line that may be a comment, and may be a row."""
    return BadRow(
        number, "it begins with # and could be a row: quote its first field, or remove it"
    )


def _skip_rest_of_line(stream: BinaryIO) -> None:
    while (more := stream.readline(_MAX_LINE_BYTES)) and not more.endswith(b"\n"):
        pass
