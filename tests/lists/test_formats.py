"""List formats: rows are read as they were written, and damage stays within its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.config import MappingSettings
from hashmatch.errors import InputError, ListFileError
from hashmatch.lists import FORMATS, BadRow, ListFormat, find_format
from hashmatch.lists.formats import RawRow, Row, UnknownColumn

COLUMNS = RawRow._fields[1:-1]


def _write_separated(rows: list[RawRow], separator: str) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator)
    writer.writerow(COLUMNS)
    writer.writerows([*row[1:5], ";".join(row.tags), *row[6:8]] for row in rows)
    return stream.getvalue().encode()


def _objects(rows: list[RawRow]) -> list[dict[str, object]]:
    return [{name: getattr(row, name) for name in COLUMNS} for row in rows]


def _write_jsonl(rows: list[RawRow]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in _objects(rows)).encode()


def _write_json(rows: list[RawRow]) -> bytes:
    return json.dumps(_objects(rows), ensure_ascii=False).encode()


def _write_signals(rows: list[RawRow]) -> bytes:
    return "".join(f"{row.algorithm} {row.value}\n" for row in rows).encode()


# How each format of lines is written, and the line of the first row.
WRITERS: dict[str, tuple[Callable[[list[RawRow]], bytes], int]] = {
    "csv": (partial(_write_separated, separator=","), 2),
    "tsv": (partial(_write_separated, separator="\t"), 2),
    "jsonl": (_write_jsonl, 1),
    "pytx": (_write_signals, 1),
}
LINES = [one for one in FORMATS if one.unit == "line"]
by_format = pytest.mark.parametrize("list_format", LINES, ids=[one.name for one in LINES])
# Those with room for every column of a row.
FULL = [one for one in LINES if one.name != "pytx"]
by_full_format = pytest.mark.parametrize("list_format", FULL, ids=[one.name for one in FULL])

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), max_size=12)
TAGS = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5), max_size=3
).map(tuple)
ROWS = st.lists(
    st.builds(RawRow, st.just(0), st.just("pdq"), *[TEXTS] * 3, TAGS, TEXTS, TEXTS, st.just(False)),
    max_size=8,
)


def _read(list_format: ListFormat, data: bytes) -> list[Row]:
    return list(list_format.read(io.BytesIO(data)))


@by_full_format
@settings(max_examples=40)
@given(rows=ROWS)
def test_rows_are_read_as_they_were_written(list_format: ListFormat, rows: list[RawRow]) -> None:
    write, first_line = WRITERS[list_format.name]
    expected = [row._replace(line=first_line + place) for place, row in enumerate(rows)]
    assert _read(list_format, write(rows)) == expected


@by_full_format
@settings(max_examples=40)
@given(rows=ROWS, cut=st.integers(0, 400), junk=st.binary(max_size=20))
def test_damage_stays_within_its_line(
    list_format: ListFormat, rows: list[RawRow], cut: int, junk: bytes
) -> None:
    """Junk put into any line but the header leaves every other row as it was."""
    write, first_line = WRITERS[list_format.name]
    lines = write(rows).replace(b"\r\n", b"\n").split(b"\n")[:-1]
    damaged = first_line - 1 + cut % max(1, len(rows))
    if not rows or damaged >= len(lines):
        return
    lines[damaged] = junk.replace(b"\n", b"").replace(b"\r", b"") + lines[damaged][cut % 7 :]
    read = [one for one in _read(list_format, b"\n".join(lines)) if isinstance(one, RawRow)]
    others = [
        row._replace(line=first_line + place)
        for place, row in enumerate(rows)
        if first_line - 1 + place != damaged
    ]
    assert [one for one in read if one.line != damaged + 1] == others


@by_format
def test_a_byte_order_mark_and_either_line_end_are_read(list_format: ListFormat) -> None:
    write, first_line = WRITERS[list_format.name]
    row = RawRow(first_line, "pdq", "00")
    data = write([row]).replace(b"\r\n", b"\n")
    for variant in (data, data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data, data[:-1]):
        assert _read(list_format, variant) == [row]


@by_format
def test_blank_lines_count_as_lines_but_not_as_rows(list_format: ListFormat) -> None:
    write, first_line = WRITERS[list_format.name]
    lines = write([RawRow(0, "pdq", "00")]).replace(b"\r\n", b"\n").split(b"\n")
    lines.insert(first_line - 1, b"   ")
    assert _read(list_format, b"\n".join(lines)) == [RawRow(first_line + 1, "pdq", "00")]


@by_format
def test_a_bad_line_is_named_by_its_number(list_format: ListFormat) -> None:
    write, first_line = WRITERS[list_format.name]
    good = write([RawRow(0, "pdq", "00")])
    for junk, problem in (
        (b"\xff\xfe\xfd", "invalid UTF-8"),
        (b"x" * 3_000_000, "the line is longer than a mebibyte"),
    ):
        rows = _read(list_format, good + junk + b"\n" + good.splitlines()[-1])
        assert rows[1] == BadRow(first_line + 1, problem)
        assert isinstance(rows[2], RawRow)
        assert rows[2].line == first_line + 2


@by_full_format
def test_unknown_columns_are_named_once(list_format: ListFormat) -> None:
    data = {
        "csv": b"algorithm,value,grade\npdq,00,1\npdq,01,2\n",
        "tsv": b"algorithm\tvalue\tgrade\npdq\t00\t1\n",
        "jsonl": b'{"algorithm":"pdq","value":"00","grade":1}\n' * 2,
    }[list_format.name]
    assert [one for one in _read(list_format, data) if isinstance(one, UnknownColumn)] == [
        UnknownColumn("key 3 of row 1" if list_format.name == "jsonl" else "column 3")
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('pdq,"00,e1', "a quote is not closed on its line"),
        ("pdq,00,e1,A,B", "5 fields where the header has 4"),
    ],
)
def test_a_csv_row_that_does_not_add_up_is_bad(line: str, problem: str) -> None:
    data = f"algorithm,value,entry_id,category\n{line}\npdq,01\n".encode()
    assert _read(find_format("x.csv"), data) == [BadRow(2, problem), RawRow(3, "pdq", "01")]


@pytest.mark.parametrize("inside", ["\r", "\0"])
@by_format
def test_a_row_with_a_line_end_inside_is_bad(list_format: ListFormat, inside: str) -> None:
    """A lone carriage return would otherwise hide a second row in the first."""
    write, first_line = WRITERS[list_format.name]
    lines = write([RawRow(0, "pdq", "00"), RawRow(0, "pdq", "01")]).replace(b"\r\n", b"\n")
    first, second = lines.split(b"\n")[first_line - 1 : first_line + 1]
    glued = lines.replace(first + b"\n" + second, first + inside.encode() + second)
    (row,) = _read(list_format, glued)
    assert row == BadRow(first_line, "a carriage return or null byte within the line")


def test_quotes_and_missing_columns_at_the_end_are_read() -> None:
    data = b'Value,ALGORITHM ,note\n"00",pdq,"a ""b"", c"\n01,pdq\n'
    assert _read(find_format("x.csv"), data) == [
        RawRow(2, "pdq", "00", note='a "b", c'),
        RawRow(3, "pdq", "01"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"pdq,00ff\n",
        b"algorithm,value,categorypdq,fedcba9876543210,e1\n",
        b"algorithm|value\n",
        b"value\n",
        b"algorithm,value,value\n",
        b"\xff",
    ],
)
def test_a_csv_file_without_its_header_is_refused_and_not_quoted(data: bytes) -> None:
    with pytest.raises(ListFileError, match="line 1") as caught:
        _read(find_format("x.csv"), data)
    assert "00ff" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("line", "problem", "entry_id"),
    [
        ("nonsense", "not JSON, or a duplicate key", ""),
        ("[" * 100_000, "not JSON, or a duplicate key", ""),
        ('{"value": "00", "value": "01"}', "not JSON, or a duplicate key", ""),
        ('{"value": 1234567890123456}', "value is not a string", ""),
        ('{"entry_id": "\\ud800"}', "entry_id is not a string", ""),
        ("[1]", "not a JSON object", ""),
        ('{"value": 1.5, "entry_id": 7}', "value is not a string", "7"),
        ('{"value": "00", "entry_id": {}}', "entry_id is not a string", ""),
        ('{"value": "00", "entry_id": "e", "tags": {}}', "the tags or a flag cannot be read", "e"),
    ],
)
def test_a_json_line_of_the_wrong_shape_is_bad(line: str, problem: str, entry_id: str) -> None:
    good = '{"algorithm": "pdq", "value": "00", "entry_id": 12, "note": null}'
    rows = _read(find_format("x.jsonl"), f"{line}\n{good}\n".encode())
    assert [one for one in rows if not isinstance(one, UnknownColumn)] == [
        BadRow(1, problem, entry_id),
        RawRow(2, "pdq", "00", "12"),
    ]


def test_the_format_is_found_by_its_name_or_by_the_files_ending() -> None:
    assert find_format("a/LIST.CSV").name == "csv"
    assert find_format("list.ndjson").name == "jsonl"
    assert find_format("list.csv", "jsonl").name == "jsonl"
    with pytest.raises(InputError, match=r"list\.xls"):
        find_format("list.xls")


@settings(max_examples=40)
@given(rows=ROWS.filter(bool))
def test_the_rows_of_one_document_are_read_as_they_were_written(rows: list[RawRow]) -> None:
    expected = [row._replace(line=number) for number, row in enumerate(rows, start=1)]
    assert _read(find_format("x.json"), _write_json(rows)) == expected


def test_an_array_within_a_document_is_found_by_its_path() -> None:
    mapping = MappingSettings(rows="data.items", columns={"v": "value"}, algorithm="pdq")
    data = b'\xef\xbb\xbf{"next": [1, {"items": [{"v": "no"}]}], "data": {"items": [{"V": "00"}]}}'
    rows = list(find_format("x.json").read(io.BytesIO(data), mapping))
    assert rows == [RawRow(1, "pdq", "00")]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"a": [1]}', b"[1", b"\xff\xfe[", b"nope"])
def test_a_document_without_entries_is_refused(data: bytes) -> None:
    with pytest.raises(ListFileError):
        _read(find_format("x.json"), data)


def test_a_signal_file_may_leave_the_type_to_its_mapping() -> None:
    data = io.BytesIO(b"00ff\nvideo_md5 11\n")
    mapping = MappingSettings(algorithm="pdq")
    rows = list(find_format("x.signals").read(data, mapping))
    assert rows == [RawRow(1, "pdq", "00ff"), RawRow(2, "video_md5", "11")]
    assert _read(find_format("x.signals"), b"00ff\n") == [
        BadRow(1, "there is no type and a space before the hash")
    ]
