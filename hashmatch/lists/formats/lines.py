"""Text files with one row per line, decoded line by line, so that damage is limited to its line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from .interface import BadRow

# No licensor's line is nearly as long; the limit bounds the memory.
_MAX_LINE_BYTES = 1 << 20


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, str] | BadRow]:
    """Yield (line number from 1, text without line end) or a rejected row; skips blank lines."""
    number = 0
    while line := stream.readline(_MAX_LINE_BYTES):
        number += 1
        if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_rest_of_line(stream)
            yield BadRow(number, "the line is longer than a mebibyte")
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            yield BadRow(number, "invalid UTF-8")
            continue
        # Either is a sign of damage, such as lines that have lost their ends.
        if "\r" in text or "\0" in text:
            yield BadRow(number, "a carriage return or null byte within the line")
        elif text and not text.isspace():
            yield number, text


def _skip_rest_of_line(stream: BinaryIO) -> None:
    while (more := stream.readline(_MAX_LINE_BYTES)) and not more.endswith(b"\n"):
        pass
