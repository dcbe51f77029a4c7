"""Encodings of list files: UTF-8 and UTF-16 by their marks, and nothing by a guess."""

from __future__ import annotations

import codecs
import io
import json

import pytest

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError
from hashmatch.lists import FORMATS, BadRow, ListFormat, find_format
from hashmatch.lists.formats import RawRow, Row

MAPPING = MappingSettings(categories={"1": "A"})
_NOTE = "caf\u00e9 \U0001f600"
_VICS = {"odata.metadata": "#Media", "value": [{"MediaID": 1, "Category": 1, "MD5": "00"}]}
_XML = (
    '<queryResult xmlns="x"><images><image><member id="1">caf\u00e9</member><id>2</id>'
    "<fingerprints><md5>00</md5></fingerprints></image></images></queryResult>"
)
FILES = {
    "csv": f"algorithm,value,note\nmd5,00,{_NOTE}\nmd5,01,\n",
    "tsv": f"algorithm\tvalue\tnote\nmd5\t00\t{_NOTE}\n",
    "jsonl": json.dumps({"algorithm": "md5", "value": "00", "note": _NOTE}, ensure_ascii=False),
    "json": json.dumps([{"algorithm": "md5", "value": "00", "note": _NOTE}], ensure_ascii=False),
    "vics": json.dumps(_VICS),
    "caid": json.dumps(_VICS),
    "ncmec": _XML,
    "pytx": "md5 00\nmd5 01\n",
}
ENCODINGS = {
    "UTF-8 with its mark": "utf-8-sig",
    "UTF-16, little-endian": "utf-16-le",
    "UTF-16, big-endian": "utf-16-be",
}
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


def _read(list_format: ListFormat, data: bytes) -> list[Row]:
    has_categories = list_format.name in ("vics", "caid")
    return list(list_format.read(io.BytesIO(data), MAPPING if has_categories else None))


def _encode(text: str, encoding: str) -> bytes:
    return MARKS.get(encoding, b"") + text.encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("list_format", FORMATS, ids=[one.name for one in FORMATS])
def test_a_byte_order_mark_says_how_a_file_is_written(
    list_format: ListFormat, encoding: str
) -> None:
    text = FILES[list_format.name]
    rows = _read(list_format, text.encode())
    assert any(isinstance(row, RawRow) for row in rows)
    assert _read(list_format, _encode(text, encoding)) == rows


@pytest.mark.parametrize("encoding", MARKS)
def test_utf_16_is_read_over_the_borders_of_blocks(encoding: str) -> None:
    """A character of two units lies on each border of a block."""
    for shift in range(4):
        rows = "".join(f"md5,{one:032x},{_NOTE * 20}\n" for one in range(3_000))
        text = f"algorithm,value,note{' ' * shift}\n{rows}"
        assert _read(find_format("x.csv"), _encode(text, encoding)) == _read(
            find_format("x.csv"), text.encode()
        )


@pytest.mark.parametrize("encoding", MARKS)
def test_damage_within_utf_16_stays_in_its_line(encoding: str) -> None:
    text = "algorithm,value\nmd5,00\nmd5,0\ud83d1\nmd5,02\n"
    data = MARKS[encoding] + text.encode(encoding, "surrogatepass")
    assert _read(find_format("x.csv"), data) == [
        RawRow(2, "md5", "00"),
        BadRow(3, "invalid UTF-16"),
        RawRow(4, "md5", "02"),
    ]


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json"])
def test_utf_16_that_ends_within_a_character_is_refused(encoding: str, name: str) -> None:
    list_format = find_format(name)
    data = _encode(FILES[list_format.name], encoding)
    with pytest.raises(ListFileError, match="truncated"):
        _read(list_format, data[:-1])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (FILES["csv"].encode("utf-16-le"), "looks like UTF-16 without a byte order mark"),
        (FILES["csv"].encode("utf-16-be"), "looks like UTF-16 without a byte order mark"),
        (FILES["csv"].encode("utf-32"), "in UTF-32"),
        (codecs.BOM_UTF32_BE + FILES["csv"].encode("utf-32-be"), "in UTF-32"),
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json", "x.signals"])
def test_other_encodings_are_refused_with_a_way_out(data: bytes, words: str, name: str) -> None:
    with pytest.raises(ListFileError, match=words) as caught:
        _read(find_format(name), data)
    assert "save the file in UTF-8" in caught.value.hint
