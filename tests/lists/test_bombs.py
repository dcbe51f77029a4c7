"""Hostile list files: refused with a clear error, in little memory and time."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError
from hashmatch.lists import FORMATS, ListFormat

MAPPING = MappingSettings(
    rows="value", columns={"v": "value"}, algorithm="pdq", categories={"1": "A"}
)
_JSON = b'{"odata.metadata": "#Media", "value": ['
_XML = b"<queryResult><images>"
_LAUGHS = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))


class _Endless(io.RawIOBase):
    """A beginning, and then the same again for as long as anybody reads, up to 2 GB."""

    def __init__(self, beginning: bytes, again: bytes) -> None:
        self._pieces = self._all(beginning, again)
        self._piece = b""
        self.bytes_read = 0

    def _all(self, beginning: bytes, again: bytes) -> Iterator[bytes]:
        yield beginning
        piece = again * (60_000 // len(again))
        while self.bytes_read < 2_000_000_000:
            yield piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._piece = self._piece or next(self._pieces, b"")
        given, self._piece = self._piece[: len(buffer)], self._piece[len(buffer) :]
        buffer[: len(given)] = given
        self.bytes_read += len(given)
        return len(given)


BOMBS = {
    "arrays in arrays": ("json", _JSON, b"["),
    "objects in objects": ("vics", _JSON, b'{"a":'),
    "a text without end": ("vics", _JSON + b'{"MD5": "', b"a"),
    "a number without end": ("json", _JSON, b"1"),
    "nothing but space": ("json", b"", b" "),
    "an entry without end": ("vics", _JSON + b"{", b'"a": 1,'),
    "elements in elements": ("ncmec", _XML, b"<a>"),
    "an element without end": ("ncmec", _XML + b"<image><id>", b"a"),
    "a name without end": ("ncmec", _XML + b"<", b"a"),
    "parts without end": ("ncmec", _XML + b"<image>", b"<a/>"),
    "a comment without end": ("ncmec", _XML + b"<!--", b"a"),
    "laughing entities": ("ncmec", b"<!DOCTYPE q [<!ENTITY a0 'ha'>" + _LAUGHS, b" "),
    "an entity from outside": ("ncmec", b'<!DOCTYPE q [<!ENTITY a SYSTEM "file:///x">', b" "),
}


# Its 8 MiB take the JSON parser seconds.
_SLOW = "a number without end"


@pytest.mark.parametrize(
    ("name", "beginning", "again"),
    [
        pytest.param(*bomb, id=one, marks=[pytest.mark.long] if one == _SLOW else [])
        for one, bomb in BOMBS.items()
    ],
)
def test_a_bomb_is_refused_before_it_costs_anything(
    name: str, beginning: bytes, again: bytes
) -> None:
    list_format: ListFormat = next(one for one in FORMATS if one.name == name)
    stream = _Endless(beginning, again)
    tracemalloc.start()
    try:
        with pytest.raises(ListFileError, match=r"longer than|more than|defines entities"):
            for _ in list_format.read(stream, MAPPING):  # type: ignore[arg-type]
                pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000_000
    assert stream.bytes_read < 20_000_000
