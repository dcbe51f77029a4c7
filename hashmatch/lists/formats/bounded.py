"""Bounded stream for document parsers, in which no part of a file can grow without limit."""

from __future__ import annotations

from typing import BinaryIO

from hashmatch.errors import ListFileError

# More than any licensor sends; larger files are refused before memory is spent on them.
MAX_DEPTH = 40
MAX_RECORD_PARTS = 100_000
_MAX_TOKEN_BYTES = 8 << 20


class BoundedStream:
    """Stream that counts the bytes since the parser's last event.

    The reader of the parser's events sets `bytes_since_event` to zero at each of them. Reading
    raises `ListFileError` where one text or number, or the space before it, is longer than 8 MiB.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes_since_event = 0

    def read(self, size: int = 1 << 16) -> bytes:
        """Return the next bytes, none at the end."""
        data = self._stream.read(size)
        self.bytes_since_event += len(data)
        if self.bytes_since_event > _MAX_TOKEN_BYTES:
            raise ListFileError("a text or number in the file is longer than 8 MiB")
        return data
