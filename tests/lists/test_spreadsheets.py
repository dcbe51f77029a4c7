"""List files as people and spreadsheets write them; what may be a row is never passed over."""

from __future__ import annotations

import base64
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.config import MappingSettings
from hashmatch.errors import InputError, ListFileError
from hashmatch.hashers import find_algorithm
from hashmatch.lists import BadRow, find_format
from hashmatch.lists.formats import RawRow, Row, UnknownColumn
from hashmatch.store.engine import Database
from tests.lists.sources import active_numbers
from tests.store.importing import import_text

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SHA1_BASE32 = base64.b32encode(bytes.fromhex(SHA1)).decode()
HEADER = "algorithm,value,entry_id,note"
MAPPING = MappingSettings(columns={"Id": "entry_id", "Comment": "note"}, hashes={"MD5": "md5"})
DOUBT = "it begins with # and could be a row: quote its first field, or remove it"


def _read(text: str, mapping: MappingSettings | None = None, name: str = "x.csv") -> list[Row]:
    return list(find_format(name).read(io.BytesIO(text.encode()), mapping))


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_shows_what_separates_the_columns(separator: str, name: str) -> None:
    rows = [[*HEADER.split(",")], ["md5", MD5, "e1", 'a, b; "c"\td']]
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator).writerows(rows)
    assert _read(stream.getvalue(), name=name) == [RawRow(2, "md5", MD5, "e1", note='a, b; "c"\td')]
    mapped = stream.getvalue().replace("value", "MD5").replace("entry_id", "Id")
    mapped = mapped.replace("note", "Comment")
    assert _read(mapped, MAPPING, name)[1:] == [RawRow(2, "md5", MD5, "e1", note='a, b; "c"\td')]


def test_the_separator_of_a_mapping_is_the_only_one() -> None:
    mapping = MAPPING.model_copy(update={"separator": "|"})
    assert _read(f"Id|MD5|Comment\ne1|{MD5}|a,b\n", mapping) == [
        RawRow(2, "md5", MD5, "e1", note="a,b")
    ]
    with pytest.raises(ListFileError, match="lacks columns"):
        _read(f"Id,MD5,Comment\ne1,{MD5},\n", mapping)


def test_empty_rows_and_columns_of_a_spreadsheet_are_no_rows() -> None:
    text = f"{HEADER},,,\nmd5,{MD5},e1,,,,\n,,,,,,\n , ,,\n,,,,,,,,,,\nmd5,{MD5},e2\n"
    assert _read(text) == [RawRow(2, "md5", MD5, "e1"), RawRow(6, "md5", MD5, "e2")]
    assert _read(text.replace(",", ";")) == _read(text)
    assert _read(f"Id,MD5,Comment,,\ne1,{MD5},,,\n,,,,\n", MAPPING) == [RawRow(2, "md5", MD5, "e1")]


def test_a_value_in_a_column_without_a_name_is_not_passed_over() -> None:
    rows = _read(f"{HEADER},,\nmd5,{MD5},e1,,,x\n")
    assert rows == [BadRow(2, "6 fields where the header has 4")]


@pytest.mark.parametrize(
    "comments",
    [
        "# Known hashes, 2026-01-02, 1000 rows\n",
        f"# checksum of the other file: {MD5}\n#\n",
        f"  # md5,{MD5},e0,\n\n# two\n",
    ],
)
def test_comments_before_the_header_are_passed_over(comments: str) -> None:
    line = comments.count("\n") + 2
    expected = [RawRow(line, "md5", MD5, "e1")]
    assert _read(f"{comments}{HEADER}\nmd5,{MD5},e1\n") == expected
    mapped = f"{comments}Id,MD5,Comment\ne1,{MD5},\n"
    assert _read(mapped, MAPPING) == expected


@pytest.mark.parametrize("mark", ["#", "# "])
def test_a_header_that_is_marked_as_a_comment_is_the_header(mark: str) -> None:
    rows = f"md5,{MD5},e1\nmd5,{MD5},e2\n"
    assert _read(f"# List\n{mark}{HEADER}\n{rows}") == [
        RawRow(3, "md5", MD5, "e1"),
        RawRow(4, "md5", MD5, "e2"),
    ]
    assert _read(f"{mark}Id;MD5;Comment\ne1;{MD5};\n", MAPPING) == [RawRow(2, "md5", MD5, "e1")]
    # One that is repeated without the mark is a comment.
    assert _read(f"{mark}{HEADER}\n{HEADER}\n{rows}") == [
        RawRow(3, "md5", MD5, "e1"),
        RawRow(4, "md5", MD5, "e2"),
    ]


def test_a_file_of_comments_alone_has_no_header() -> None:
    with pytest.raises(ListFileError, match="not a header"):
        _read("# one\n# two\n")
    with pytest.raises(ListFileError, match="line 2: not a header"):
        _read(f"# one\nmd5,{MD5},e1\n")


@pytest.mark.parametrize(
    "comment", ["# the end", "#", "  # see also, below", "# 2 rows,,,", '# don\'t "quote", this']
)
def test_comments_between_rows_are_passed_over(comment: str) -> None:
    assert _read(f"{HEADER}\nmd5,{MD5},e1\n{comment}\nmd5,{MD5},e2\n{comment}") == [
        RawRow(2, "md5", MD5, "e1"),
        RawRow(4, "md5", MD5, "e2"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"#md5,{MD5},e1,note",
        f"# {MD5}",
        f"#sha1,{SHA1_BASE32},e1",
        f"#sha1,{base64.b64encode(bytes(20)).decode()},e1",
        "#md5,damaged,e1,note",
    ],
)
def test_a_comment_that_may_be_a_row_is_a_rejected_row(line: str) -> None:
    assert _read(f"{HEADER}\n{line}\nmd5,{MD5},e2\n") == [
        BadRow(2, DOUBT),
        RawRow(3, "md5", MD5, "e2"),
    ]


def test_a_rejected_comment_withdraws_nothing(database: Database) -> None:
    rows = [f"md5,{one:032x},e{one},\n" for one in range(3)]
    import_text(database, "one", f"{HEADER}\n{''.join(rows)}")
    summary = import_text(database, "one", f"{HEADER}\n{rows[0]}#{rows[1]}{rows[2]}")
    assert (summary.rejected.count, summary.comparison.withdrawn) == (1, 0)
    assert active_numbers(database) == [0, 1, 2]


def test_an_id_that_begins_with_the_mark_of_comments_is_an_id() -> None:
    header = "entry_id,algorithm,value,note"
    quoted = f'"#1",md5,{MD5},x\n"#2",md5,damaged,\n'
    assert _read(f"{header}\n{quoted}") == [
        RawRow(2, "md5", MD5, "#1", note="x"),
        RawRow(3, "md5", "damaged", "#2"),
    ]
    assert _read(f"{header}\n#1,md5,{MD5},x\n#2,md5,damaged\n# the end\n") == [
        RawRow(2, "md5", MD5, "#1", note="x"),
        BadRow(3, DOUBT),
    ]
    assert _read(f"Id,MD5,Comment\n#1,{MD5},x\n#2,zz\n# the end\n", MAPPING) == [
        RawRow(2, "md5", MD5, "#1", note="x"),
        BadRow(3, DOUBT),
    ]


@given(
    rows=st.lists(
        st.tuples(
            st.text("#ab ,;", max_size=6),
            st.sampled_from(["#", "", "# x", "#md5", '"#']),
            st.text("# x"),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_quoted_row_is_read_whatever_begins_with_the_mark(
    rows: list[tuple[str, str, str]],
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["entry_id", "category", "note", "algorithm", "value"])
    writer.writerows([*row, "md5", MD5] for row in rows)
    assert _read(stream.getvalue()) == [
        RawRow(line, "md5", MD5, entry_id, category, note=note)
        for line, (entry_id, category, note) in enumerate(rows, start=2)
    ]


@pytest.mark.parametrize("name", ["x.jsonl", "x.signals"])
def test_comments_of_other_lines_are_passed_over_unless_they_may_be_rows(name: str) -> None:
    row = f'{{"algorithm": "md5", "value": "{MD5}"}}' if name == "x.jsonl" else f"md5 {MD5}"
    text = f"# List of 2026\n{row}\n  # the end\n#{row}\n"
    assert _read(text, name=name) == [RawRow(2, "md5", MD5), BadRow(4, DOUBT)]
    assert _read('#{"algorithm": "md5", "value": "zz"}\n', name="x.jsonl") == [BadRow(1, DOUBT)]


@pytest.mark.parametrize("name", ["sha1_base32", "SHA1-Base32", "sha1", "SHA-1"])
@pytest.mark.parametrize("value", [SHA1_BASE32, SHA1_BASE32.lower(), SHA1, SHA1.upper()])
def test_a_sha_1_is_read_in_base32_and_in_hexadecimal(
    database: Database, name: str, value: str
) -> None:
    summary = import_text(database, "one", f"algorithm,value\n{name},{value}\n")
    assert (summary.rows, summary.rejected.count) == (1, 0)
    assert active_numbers(database) == [int(SHA1, 16)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha1_base32", MD5),
        ("sha1", "abcdef" * 5 + "23"),  # as good as an MD5
        ("sha1_base32", SHA1_BASE32[:-1]),
        ("sha1_base32", SHA1_BASE32[:-1] + "1"),
        ("sha1_base32", SHA1_BASE32[:-1] + "="),
        ("sha1_base32", SHA1_BASE32[:-1] + "\u017f"),  # the long s, an S in upper case
        ("md5", SHA1_BASE32),
    ],
)
def test_what_may_be_another_hash_is_not_taken_for_a_sha_1(name: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        find_algorithm(name).parse(value)
    assert value not in caught.value.message


def test_an_unnamed_column_between_others_is_ignored_by_its_place() -> None:
    assert _read(f"Id,,MD5,Comment\ne1,x,{MD5},\n", MAPPING) == [
        UnknownColumn("column 2"),
        RawRow(2, "md5", MD5, "e1"),
    ]
