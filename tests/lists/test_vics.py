"""VICS and CAID: hash sets and case files, with all their oddities."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError
from hashmatch.lists import BadRow, find_format
from hashmatch.lists.formats import Excluded, RawRow, Row

MAPPING = MappingSettings(
    categories={"1": "A", "2": "B"}, excluded_categories=("0",), other_categories="reject"
)
CONTEXTS = {
    "1.3 hash set": ("odata.metadata", "http://x/DataModels/1.3.xml#Media", False),
    "1.3 case": ("odata.metadata", "http://x/DataModels/1.3.xml#Cases", True),
    "2.0 hash set": ("@odata.context", "http://x/2.0.xml/UK/$metadata#Media", False),
    "2.0 case": ("@odata.context", "http://x/2.0.xml/US/$metadata#Cases", True),
}
MEDIA: dict[str, Any] = {
    "@odata.id": "Media(7)",
    "MediaID": 7,
    "Category": 1,
    "MD5": "AA",
    "SHA1": None,
    "PhotoDNA": "cGhvdG8=",
    "VictimIdentified": "True",
    "SelfGenerated": "False",
    "Series": "lamp",
    "Tags": "one, two",
    "Comments": "a note",
    "DateUpdated": "2026-01-02T03:04:05Z",
    "MediaFiles@odata.count": 1,
    "Exifs": [{"PropertyName": "Make", "PropertyValue": "x"}],
    "AlternativeHashes": [{"HashName": "PDQ", "HashValue": "dd", "MD5": "AA"}],
}


def _write(context: str, *media: dict[str, Any]) -> bytes:
    key, url, is_case = CONTEXTS[context]
    value = [{"CaseID": "c", "Media": list(media)}] if is_case else list(media)
    return b"\xef\xbb\xbf" + json.dumps({key: url, "value": value}).encode()


def _read(data: bytes, mapping: MappingSettings | None = MAPPING) -> list[Row]:
    return list(find_format("", "vics").read(io.BytesIO(data), mapping))


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_hash_of_an_entry_is_read(context: str) -> None:
    tags = ("victim-identified", "series:lamp", "one", "two")
    rest = ("7", "A", tags, "2026-01-02T03:04:05Z", "a note")
    assert _read(_write(context, MEDIA)) == [
        RawRow(1, "md5", "AA", *rest),
        RawRow(1, "photodna", "cGhvdG8=", *rest),
        RawRow(1, "pdq", "dd", *rest),
    ]


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"Category": 0}, Excluded(1)),
        ({"Category": 5}, BadRow(1, "its category is not in the mapping", "7")),
        ({"MediaID": None}, BadRow(1, "there is no MediaID, or Category is not a number")),
        ({"MD5": [1]}, BadRow(1, "a value of the record has the wrong type", "7")),
        ({"AlternativeHashes": "x"}, BadRow(1, "a value of the record has the wrong type", "7")),
        (
            {"MD5": "", "PhotoDNA": None, "AlternativeHashes": []},
            BadRow(1, "there is no hash", "7"),
        ),
    ],
)
def test_a_damaged_entry_is_rejected_alone(changes: Any, row: Row) -> None:
    good = {"MediaID": 8, "Category": 2, "MD5": "bb"}
    rows = _read(_write("1.3 hash set", {**MEDIA, **changes}, good))
    assert rows == [row, RawRow(2, "md5", "bb", "8", "B")]


def test_one_hash_under_many_ids_and_twice_in_one_entry_is_read() -> None:
    again = {"MediaID": 8, "Category": 1, "MD5": "AA"}
    twice = {**again, "AlternativeHashes": [{"HashName": "MD5", "HashValue": "AA"}]}
    rows = [row for row in _read(_write("2.0 hash set", MEDIA, twice)) if isinstance(row, RawRow)]
    assert [row.entry_id for row in rows] == ["7", "7", "7", "8"]


def test_the_meaning_of_categories_has_to_be_given() -> None:
    for mapping in (None, MappingSettings()):
        with pytest.raises(ListFileError, match="depends on its country"):
            _read(_write("1.3 case", MEDIA), mapping)


@pytest.mark.parametrize(
    "data", [b"[]", b'{"value": []}', b'{"value": [{"MD5": "aa"}]}', b"", b"{"]
)
def test_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(ListFileError):
        _read(data)


def test_a_truncated_file_is_refused() -> None:
    with pytest.raises(ListFileError, match="truncated"):
        _read(_write("1.3 hash set", MEDIA)[:-20])
