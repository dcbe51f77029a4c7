"""Importing replaces the list from the file, and never weakens it by accident."""

from __future__ import annotations

import random
import tracemalloc
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError, StoreLockedError
from hashmatch.store.engine import Database
from hashmatch.store.lists import count_unsupported, read_lists, remove_list
from hashmatch.store.schema.lists import Entry, Generation, HashList, UnsupportedHash
from tests.store.importing import DatabaseFactory, import_text
from tests.store.locking import somebody_writes

HEADER = "algorithm,value,entry_id,category\n"


def _row(number: int, category: str = "A", entry_id: str | None = None) -> str:
    return f"md5,{number:032x},{f'e{number}' if entry_id is None else entry_id},{category}\n"


def _file(*rows: str) -> str:
    return HEADER + "".join(rows)


def _active(database: Database, name: str = "one") -> set[tuple[int, str, str]]:
    """Return (value, entry id, category) of the active entries."""
    with database.reading() as session:
        rows = session.execute(
            select(Entry.value, Entry.entry_id, Entry.category)
            .join(HashList, HashList.key == Entry.list_key)
            .where(HashList.name == name, Entry.withdrawn_generation.is_(None))
        )
        return {(int.from_bytes(value, "big"), one, category) for value, one, category in rows}


def test_a_new_list_is_created(database: Database) -> None:
    summary = import_text(database, "one", _file(_row(1), _row(2)))
    assert (summary.generation, summary.rows, summary.comparison.added) == (1, 2, 2)
    assert _active(database) == {(1, "e1", "A"), (2, "e2", "A")}


def test_the_same_file_again_changes_nothing(database: Database) -> None:
    import_text(database, "one", _file(_row(1), _row(2)))
    again = import_text(database, "one", _file(_row(2), _row(1)))
    assert again.comparison.change is None
    assert (again.generation, again.comparison.unchanged) == (1, 2)


@pytest.mark.parametrize(
    ("rows", "added", "withdrawn"),
    [
        ((_row(1), _row(2), _row(3)), 1, 0),
        ((_row(1),), 0, 1),
        ((_row(1), _row(9, entry_id="e2")), 1, 1),
        ((_row(1), _row(2, category="B")), 0, 0),
    ],
    ids=["an added row", "a missing row", "a changed value", "a changed category"],
)
def test_a_difference_makes_a_new_generation(
    database: Database, rows: tuple[str, ...], added: int, withdrawn: int
) -> None:
    import_text(database, "one", _file(_row(1), _row(2)))
    summary = import_text(database, "one", _file(*rows))
    assert summary.generation == 2
    assert (summary.comparison.added, summary.comparison.withdrawn) == (added, withdrawn)
    with database.reading() as session:
        counts = session.execute(select(Generation.added, Generation.withdrawn)).all()
        (state,) = read_lists(session)
    assert [tuple(one) for one in counts] == [(2, 0), (added, withdrawn)]
    assert state.active_entries == len(_active(database)) == len(rows)


def test_an_entry_that_comes_back_matches_again(database: Database) -> None:
    import_text(database, "one", _file(_row(1), _row(2)))
    import_text(database, "one", _file(_row(1)))
    import_text(database, "one", _file(_row(1), _row(2)))
    assert _active(database) == {(1, "e1", "A"), (2, "e2", "A")}


def test_lists_do_not_touch_each_other(database: Database) -> None:
    import_text(database, "one", _file(_row(1)))
    import_text(database, "two", _file(_row(1), _row(2)))
    import_text(database, "one", _file(_row(3)))
    assert len(_active(database, "two")) == 2


BAD_ROWS = {
    "unknown algorithm": "md6,00,e9,A\n",
    "a wrong length": "md5,00ff,e9,A\n",
    "not hexadecimal": f"md5,{'g' * 32},e9,A\n",
    "white space in the value": f"md5,{'00 ' * 10}00,e9,A\n",
    "a duplicate": _row(1),
    "invalid UTF-8": b"md5,\xff\xff,e9,A\n",
    "an empty value": "md5,,e9,A\n",
}


@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_rejected_row_is_named_by_line_and_the_others_are_imported(
    database: Database, bad: str | bytes
) -> None:
    junk = bad if isinstance(bad, bytes) else bad.encode()
    data = _file(_row(1)).encode() + junk + _row(2).encode()
    summary = import_text(database, "one", data)
    assert [row.line for row in summary.rejected.rows] == [3]
    assert (summary.rows, summary.rejected.count) == (2, 1)
    assert _active(database) == {(1, "e1", "A"), (2, "e2", "A")}


@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS)
def test_strict_imports_all_or_nothing(database: Database, bad: str | bytes) -> None:
    import_text(database, "one", _file(_row(7)))
    junk = bad if isinstance(bad, bytes) else bad.encode()
    with pytest.raises(ListFileError, match="line 3"):
        import_text(database, "one", _file(_row(1)).encode() + junk, strict=True)
    assert _active(database) == {(7, "e7", "A")}


def test_the_problem_never_repeats_the_value(database: Database) -> None:
    secret = "0123456789abcdef" * 3
    summary = import_text(
        database, "one", _file(_row(1), f"md5,{secret},e,A\n", f"{secret},md5,e,A\n")
    )
    assert summary.rejected.count == 2
    assert secret[:16] not in repr(summary)


def test_a_damaged_row_does_not_withdraw_its_entry(database: Database) -> None:
    import_text(database, "one", _file(_row(1), _row(2), _row(3)))
    summary = import_text(database, "one", _file(_row(1), "md5,damaged,e2,A\n"))
    assert _active(database) == {(1, "e1", "A"), (2, "e2", "A")}
    assert (summary.comparison.retained, summary.comparison.withdrawn) == (1, 1)


@pytest.mark.parametrize(
    "damaged",
    [
        "md5,damaged,,A\n",
        "mmd5," + "0" * 32 + ",,A\n",
        'md5,"' + "0" * 31 + "2,e2,A\n",
        "md5," + "0" * 31 + "2,e2,A,B,C\n",
        b"md5," + b"0" * 31 + b"2,e2,caf\xe9\n",
    ],
)
def test_while_a_damaged_row_could_be_any_entry_nothing_is_withdrawn(
    database: Database, damaged: str | bytes
) -> None:
    import_text(database, "one", _file(_row(1), _row(2), _row(3)))
    data = _file(_row(1)).encode() + (damaged if isinstance(damaged, bytes) else damaged.encode())
    compared = import_text(database, "one", data).comparison
    assert (compared.retained, compared.withdrawn) == (2, 0)
    assert len(_active(database)) == 3
    compared = import_text(database, "one", data, withdraw_missing=True).comparison
    assert (compared.retained, compared.withdrawn) == (0, 2)


@pytest.mark.sqlite
def test_any_number_of_damaged_rows_retain_their_entries_in_little_memory(
    database: Database,
) -> None:
    number = 60_000
    import_text(database, "one", _file(*map(_row, range(number))))
    data = _file(_row(0), *(f"md5,zz,e{one},A\n" for one in range(1, number)))
    tracemalloc.start()
    try:
        summary = import_text(database, "one", data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (summary.comparison.retained, summary.comparison.withdrawn) == (number - 1, 0)
    assert summary.rejected.count == number - 1
    assert most < 12_000_000  # Three times as much when the ids were in memory.


def test_duplicates_are_all_counted_and_the_first_are_named(database: Database) -> None:
    summary = import_text(database, "one", _file(_row(1), _row(2), _row(1) * 2_500, "md5,z,e,A\n"))
    assert (summary.rows, summary.rejected.count) == (2, 2_501)
    assert [row.line for row in summary.rejected.rows] == [*range(4, 1_003), 2_504]


def test_a_duplicate_row_retains_nothing(database: Database) -> None:
    import_text(database, "one", _file(_row(1), _row(2)))
    summary = import_text(database, "one", _file(_row(1), _row(1)))
    assert (summary.rejected.count, summary.comparison.withdrawn) == (1, 1)


def test_a_repeated_hash_does_not_reject_the_others_of_its_line(database: Database) -> None:
    mapping = MappingSettings(columns={"id": "entry_id"}, hashes={"md5": "md5", "sha1": "sha1"})
    rows = f"id,md5,sha1\n1,{1:032x},{1:040x}\n1,{1:032x},{2:040x}\n"
    summary = import_text(database, "one", rows, mapping=mapping)
    assert (summary.rows, [row.line for row in summary.rejected.rows]) == (3, [3])
    with database.reading() as session:
        values = session.scalars(select(Entry.value).where(Entry.algorithm == "sha1")).all()
    assert {int.from_bytes(value, "big") for value in values} == {1, 2}


def _unsupported(database: Database) -> dict[str, dict[str, int]]:
    with database.reading() as session:
        return count_unsupported(session)


def test_unsupported_hashes_are_stored_and_counted(database: Database) -> None:
    photodna = "photodna,AAAA,e1,A\nPDNA,BBBB,e2,A\nTMK-PDQF,/v2/x,e2,A\n"
    summary = import_text(database, "one", _file(_row(1), photodna))
    assert (summary.rows, summary.rejected.count) == (1, 0)
    assert summary.unsupported == {"photodna": 2, "tmk-pdqf": 1}
    import_text(database, "two", _file("photodna,AAAA,e1,A\n" * 2))
    assert _unsupported(database) == {"one": summary.unsupported, "two": {"photodna": 1}}
    again = import_text(database, "one", _file(_row(1), "photodna,AAAA,e1,B\n"))
    assert again.unsupported == {"photodna": 1}
    with database.writing() as session:
        assert (
            session.scalar(select(UnsupportedHash.category).where(UnsupportedHash.list_key == 1))
            == "B"
        )
        remove_list(session, "one")
    assert _unsupported(database) == {"two": {"photodna": 1}}


def test_unsupported_hashes_are_retained_while_a_damaged_row_could_be_theirs(
    database: Database,
) -> None:
    import_text(database, "one", _file(_row(1), "photodna,AAAA,e1,A\nphotodna,BB,e2,A\n"))
    import_text(database, "one", _file(_row(1), "photodna,,e2,A\n"))
    assert _unsupported(database) == {"one": {"photodna": 1}}
    import_text(database, "one", _file(_row(1), "md5,zz,,A\n", "photodna,CC,e3,A\n"))
    assert _unsupported(database) == {"one": {"photodna": 2}}


def test_a_list_of_unsupported_hashes_alone_is_nothing_to_match_against(database: Database) -> None:
    import_text(database, "one", _file("photodna,AAAA,e1,A\n"))
    with database.reading() as session:
        (state,) = read_lists(session)
    assert (state.active_entries, state.is_usable(date(2026, 1, 1))) == (0, False)


def test_a_file_of_unsupported_hashes_alone_never_empties_a_list(database: Database) -> None:
    import_text(database, "one", _file(_row(1)))
    with pytest.raises(ListFileError, match="no row with a supported hash"):
        import_text(database, "one", _file("photodna,AAAA,e1,A\n"))
    assert _active(database) == {(1, "e1", "A")}


def test_the_same_value_under_two_entry_ids_is_two_entries(database: Database) -> None:
    summary = import_text(database, "one", _file(_row(1, "A", "x"), _row(1, "B", "y")))
    assert summary.rejected.count == 0
    assert _active(database) == {(1, "x", "A"), (1, "y", "B")}


@pytest.mark.parametrize("text", [HEADER, HEADER + "md5,zz,e,A\n", HEADER + "\n\n"])
def test_a_file_without_a_good_row_never_empties_a_list(database: Database, text: str) -> None:
    import_text(database, "one", _file(_row(1)))
    with pytest.raises(ListFileError, match="nothing was changed"):
        import_text(database, "one", text)
    assert len(_active(database)) == 1


def test_nothing_is_imported_into_a_locked_store(database: Database) -> None:
    with somebody_writes(database), pytest.raises(StoreLockedError):
        import_text(database, "one", _file(_row(1)))
    assert _active(database) == set()


def test_json_lines_and_csv_give_the_same_list(database: Database) -> None:
    import_text(database, "one", _file(_row(1)))
    row = f'{{"algorithm": "MD5", "value": "{1:032X}", "entry_id": "e1", "category": "A"}}\n'
    assert import_text(database, "one", row, "jsonl").comparison.change is None


ENTRIES = st.dictionaries(st.integers(0, 9), st.sampled_from("ABC"), min_size=1)


@settings(max_examples=12)
@given(files=st.lists(ENTRIES, min_size=1, max_size=5), seed=st.integers(0, 99))
def test_after_any_imports_the_list_is_the_last_file(
    database_factory: DatabaseFactory, files: list[dict[int, str]], seed: int
) -> None:
    shuffle = random.Random(seed).shuffle
    with database_factory() as database:
        before: set[tuple[int, str, str]] = set()
        for entries in files:
            rows = [_row(number, category) for number, category in entries.items()]
            shuffle(rows)
            summary = import_text(database, "one", _file(*rows))
            after = {(number, f"e{number}", category) for number, category in entries.items()}
            assert _active(database) == after
            compared = summary.comparison
            known, now = ({number for number, _, _ in some} for some in (before, after))
            assert compared.added == len(now - known)
            assert compared.withdrawn == len(known - now)
            assert compared.changed == len(after - before) - compared.added
            assert (compared.change is None) is (before == after)
            before = after
