"""Streams that give as many bytes as they are asked for, whatever they are read from."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

_BLOCK_BYTES = 1 << 16


def buffered(stream: BinaryIO | io.RawIOBase) -> io.BufferedReader:
    """Return a stream whose `peek` shows all of the next bytes, up to 64 KiB; leave `stream` open.

    A pipe, or the body of a response, may return only a part of what it is asked for.
    """
    return io.BufferedReader(_FilledStream(stream), _BLOCK_BYTES)


class _FilledStream(io.RawIOBase):
    def __init__(self, stream: BinaryIO | io.RawIOBase) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        filled = 0
        while filled < len(buffer) and (data := self._stream.read(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled
