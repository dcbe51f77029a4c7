"""Streams that parsers of documents read from, so that no part of a file grows without end."""

from __future__ import annotations

import codecs
from typing import BinaryIO

from hashmatch.errors import ListFileError

# More than any licensor sends; what is beyond is refused before memory is spent on it.
MAX_DEPTH = 40
MAX_RECORD_PARTS = 100_000
_MAX_TOKEN_BYTES = 8 << 20


class WatchedStream:
    """Counts what a parser reads without seeing anything in it; a byte order mark is left out.

    Whoever hears from the parser sets `bytes_unheard` to zero. Reading raises `ListFileError` where
    one text or number, or the space before it, is longer than 8 MiB.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._is_first = True
        self.bytes_unheard = 0

    def read(self, size: int = 1 << 16) -> bytes:
        """Return the next bytes, none at the end."""
        data = self._stream.read(size)
        if size and self._is_first:
            self._is_first = False
            if data == codecs.BOM_UTF8[: len(data)] and data:  # A pipe gives what it has.
                data += self._stream.read(len(codecs.BOM_UTF8))
            data = data.removeprefix(codecs.BOM_UTF8) or self._stream.read(size)
        self.bytes_unheard += len(data)
        if self.bytes_unheard > _MAX_TOKEN_BYTES:
            raise ListFileError("a text or number in the file is longer than 8 MiB")
        return data
