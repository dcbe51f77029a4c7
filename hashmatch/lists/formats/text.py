"""Text of list files in UTF-8, whatever their byte order mark says that they are written in."""

from __future__ import annotations

import codecs
import io
from typing import Any, BinaryIO

from hashmatch.errors import ListFileError

from .filled import buffered

_BLOCK_BYTES = 1 << 16
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_HINT = "Nothing was changed; save the file in UTF-8, such as 'CSV UTF-8' in a spreadsheet."


def open_text(stream: BinaryIO) -> tuple[io.BufferedReader, str]:
    """Return a file's text in UTF-8 without its byte order mark, and the name of its encoding.

    Damaged characters of UTF-16 are invalid in what is returned, too, so that they do not pass for
    text. Raises `ListFileError` for other encodings that it recognises.
    """
    source = buffered(stream)
    beginning = source.peek(4)[:4]
    if beginning in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise ListFileError("the file is in UTF-32", hint=_HINT)
    if beginning.startswith(codecs.BOM_UTF8):
        source.read(len(codecs.BOM_UTF8))
    elif encoding := _UTF_16.get(beginning[:2]):
        source.read(2)
        return io.BufferedReader(_TranscodedStream(source, encoding), _BLOCK_BYTES), "UTF-16"
    elif len(beginning) == 4 and any(beginning[one::2] == b"\0\0" for one in (0, 1)):
        raise ListFileError("the file looks like UTF-16 without a byte order mark", hint=_HINT)
    return source, "UTF-8"


class _TranscodedStream(io.RawIOBase):
    """Stream of UTF-16 as UTF-8; half of a surrogate pair becomes bytes that are no UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._ready = b""
        self._is_at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._is_at_end:
            data = self._stream.read(_BLOCK_BYTES)
            self._is_at_end = not data
            try:
                text = self._decoder.decode(data, final=self._is_at_end)
            except UnicodeDecodeError as error:
                raise ListFileError(
                    "the file ends within a character, so it is truncated",
                    hint="Nothing was changed; fetch the file again.",
                ) from error
            self._ready = text.encode("utf-8", "surrogatepass")
        piece = self._ready[: len(buffer)]
        self._ready = self._ready[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)
