"""Mappings: files of any layout are read as our own columns would be."""

from __future__ import annotations

import io
import json

import pytest

from hashmatch.config import MappingSettings, Settings
from hashmatch.errors import ListFileError
from hashmatch.lists import BadRow, find_format
from hashmatch.lists.formats import Excluded, RawRow, Row, UnknownColumn

WIDE = MappingSettings(
    columns={"Id": "entry_id", "Grade": "category", "Added": "added_at", "Words": "tags"},
    hashes={"MD5 Hash": "md5", "PDQ": "pdq"},
    flags={"Grid": "grid-image"},
    categories={"1": "A", "2": "B"},
    excluded_categories=("9",),
    other_categories="reject",
)


def _read(data: str, mapping: MappingSettings, name: str = "x.csv") -> list[Row]:
    return list(find_format(name).read(io.BytesIO(data.encode()), mapping))


def test_a_line_with_several_hashes_gives_a_row_for_each() -> None:
    data = (
        "id,MD5 hash,pdq,grade,grid,added,words,size\n"
        "e1,aa,bb,1,Yes,2026-01-02,x;y,7\n"
        "e2,,cc,2,,,,\n"
    )
    assert _read(data, WIDE) == [
        UnknownColumn("column 8"),
        RawRow(2, "md5", "aa", "e1", "A", ("x", "y", "grid-image"), "2026-01-02"),
        RawRow(2, "pdq", "bb", "e1", "A", ("x", "y", "grid-image"), "2026-01-02"),
        RawRow(3, "pdq", "cc", "e2", "B"),
    ]


def test_json_is_mapped_like_a_table() -> None:
    record = {"Id": 7, "PDQ": "bb", "Grade": 2, "Grid": "True", "Words": ["x"], "Size": 3}
    expected = RawRow(1, "pdq", "bb", "7", "B", ("x", "grid-image"))
    for name, data in (("x.json", json.dumps([record])), ("x.jsonl", json.dumps(record))):
        rows = _read(data, WIDE, name)
        assert [row for row in rows if not isinstance(row, UnknownColumn)] == [expected]


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ("e1,aa,,9,,,", Excluded(2)),
        ("e1,aa,,3,,,", BadRow(2, "its category is not in the mapping", "e1")),
        ("e1,aa,,1,perhaps,,", BadRow(2, "the tags or a flag cannot be read", "e1")),
        ("e1,,,1,,,", BadRow(2, "there is no hash", "e1")),
        ("e1,aa,,1,,,,,x", BadRow(2, "9 fields where the header has 7")),
    ],
)
def test_a_row_that_the_mapping_cannot_read_is_rejected_by_its_id(fields: str, row: Row) -> None:
    assert _read(f"id,md5 hash,pdq,grade,grid,added,words\n{fields}\n", WIDE) == [row]


def test_a_column_that_the_file_lacks_is_named() -> None:
    with pytest.raises(ListFileError, match=r"lacks columns that the mapping names: grid, pdq"):
        _read("id,md5 hash,grade,added,words\n", WIDE)


def test_a_mapping_without_a_place_for_hashes_is_refused() -> None:
    with pytest.raises(ListFileError, match="the columns of hashes"):
        _read("a,b\n", MappingSettings(columns={"a": "entry_id", "b": "value"}))


def test_columns_and_algorithms_are_renamed_and_the_separator_is_the_mappings() -> None:
    mapping = MappingSettings(
        separator=";",
        columns={"kind": "algorithm", "hash": "value", "c": "category"},
        algorithms={"PhotoHash": "pdq"},
    )
    data = "KIND;hash;c\nPhotoHash;00;any, word\n"
    assert _read(data, mapping) == [RawRow(2, "pdq", "00", "", "any, word")]


def test_the_ready_mapping_reads_grades_flags_and_all_hashes() -> None:
    mapping = Settings().mappings["iwf"]
    data = (
        "id,category,date,comment,md5,sha1,sha256,pdq,photodna,grid,ai\n"
        "i1,A,2026-01-02,,aa,bb,cc,dd,ee,true,false\n"
    )
    rows = _read(data, mapping)
    assert [row.algorithm for row in rows if isinstance(row, RawRow)] == [
        "md5", "sha1", "sha256", "pdq", "photodna"
    ]  # fmt: skip
    assert {row.tags for row in rows if isinstance(row, RawRow)} == {("grid-image",)}
