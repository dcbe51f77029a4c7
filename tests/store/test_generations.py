"""Generations are prepared out of sight, in short transactions, and published at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select

from hashmatch.errors import NotFoundError, SyncLeaseError, UnknownListError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import LiveIndex, maintenance
from hashmatch.lists import applying
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    are_listed,
    clear_removed,
    count_active_entries,
    count_disabled,
    count_entries_without,
    disable_entries,
    enable_entries,
    find_list,
    read_lists,
    read_shared_values,
    recount,
    remove_list,
)
from hashmatch.store.lists.figures import count_entries
from hashmatch.store.lists.preparing import Preparation
from hashmatch.store.lists.staging import Staging
from hashmatch.store.schema import Entry, HashList, ListFigure, utc_now
from hashmatch.store.schema.lists import EntryChange, UnsupportedHash
from tests.store.importing import DatabaseFactory, import_text

HEADER = "algorithm,value,entry_id,category\n"
NAMES = ("md5", "sha1")


def list_file(*numbers: int, category: str = "A") -> str:
    """Return a file with an MD5 and a SHA-1 of each of these entries."""
    rows = [
        f"{name},{number:0{ALGORITHMS[name].bits // 4}x},e{number},{category}\n"
        for number in numbers
        for name in NAMES
    ]
    return HEADER + "".join(rows)


def listed_entries(database: Database, name: str = "one") -> dict[int, str]:
    """Return the category by number of the entries that everybody sees."""
    with database.reading() as session:
        rows = session.execute(
            select(Entry.key, Entry.value).join(HashList).where(HashList.name == name, are_listed())
        ).all()
        shared = read_shared_values(session, [(key,) for key, _ in rows], utc_now())
    return {int.from_bytes(value): shared[key].firsts[0].category for key, value in rows}


def figures_of(database: Database, name: str = "one") -> dict[tuple[str, str], int]:
    """Return the figures of a list, without those that are zero."""
    with database.reading() as session:
        rows = select(ListFigure.subject, ListFigure.name, ListFigure.number).where(
            ListFigure.list_key == find_list(session, name, removed_too=True).key
        )
        return {(one, name): number for one, name, number in session.execute(rows) if number}


class _CrashError(Exception):
    """An end of the process, of which nothing may depend on any clean-up."""


@contextmanager
def _before_publication(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]
) -> Iterator[None]:
    """Do something when a delivery is prepared, and not published."""

    def count(staging: Staging, preparation: Preparation) -> None:
        work()
        recount(staging, preparation)

    with monkeypatch.context() as patched:
        patched.setattr(applying, "recount", count)
        yield


def crash_before_publication(
    database: Database, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Prepare a delivery of list "one", and go no further."""

    def crash() -> None:
        raise _CrashError

    with _before_publication(monkeypatch, crash), suppress(_CrashError):
        import_text(database, "one", text)


def test_nobody_sees_what_is_not_published(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(database, "one", list_file(1, 2))
    figures, listed = figures_of(database), listed_entries(database)
    seen: list[object] = []

    def look() -> None:
        with database.reading() as session:
            seen.append((read_lists(session)[0].generation, count_active_entries(session)))
        seen.append((figures_of(database), listed_entries(database)))

    with _before_publication(monkeypatch, look):
        import_text(database, "one", list_file(2, 3, category="B"))
    assert seen == [(1, [("one", "md5", 2), ("one", "sha1", 2)]), (figures, listed)]
    assert listed_entries(database) == {2: "B", 3: "B"}


def test_what_a_crash_left_stays_unseen_and_goes_with_the_next_delivery(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(database, "one", list_file(1, 2) + "photodna,AAAA,e1,A\n")
    figures = figures_of(database)
    photodna = "photodna,AAAA,e1,B\nphotodna,CCCC,e2,B\n"
    crash_before_publication(database, monkeypatch, list_file(2, 3, category="B") + photodna)
    assert (listed_entries(database), figures_of(database)) == ({1: "A", 2: "A"}, figures)
    summary = import_text(database, "one", list_file(1, 2) + "photodna,AAAA,e1,A\n")
    assert summary.comparison.change is None
    assert (listed_entries(database), figures_of(database)) == ({1: "A", 2: "A"}, figures)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Entry)) == 2 * len(NAMES)
        assert session.scalar(select(func.count()).select_from(EntryChange)) == 0
        row = find_list(session, "one")
    assert (row.generation, row.preparing, row.clear_from) == (1, None, None)


def test_unsupported_hashes_that_alone_changed_stay_when_a_later_delivery_crashes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    photodna = "photodna,AAAA,e1,A\n"
    import_text(database, "one", list_file(1))
    summary = import_text(database, "one", list_file(1) + photodna)
    assert summary.comparison.change is None
    figures = figures_of(database)
    crash_before_publication(database, monkeypatch, list_file(1, 2) + photodna)
    import_text(database, "one", list_file(1) + photodna)
    assert figures_of(database) == figures
    with database.reading() as session:
        assert session.scalars(select(UnsupportedHash.value)).all() == ["AAAA"]


def test_an_operator_disables_an_entry_beside_a_delivery(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(database, "one", list_file(1, 2, 3))

    def disable() -> None:
        with database.writing() as session:
            disable_entries(session, "one", ["e1", "e2"])
        assert listed_entries(database) == {3: "A"}

    with _before_publication(monkeypatch, disable):
        summary = import_text(database, "one", list_file(2, 3, 4))
    assert listed_entries(database) == {3: "A", 4: "A"}
    assert summary.generation == 4  # After one for the operator, which left out the prepared one.
    assert_figures_are_right(database)
    with database.reading() as session:
        assert read_lists(session)[0].active_entries == 2 * len(NAMES)
    with database.writing() as session:
        enable_entries(session, "one", ["e1", "e2"])
    assert listed_entries(database) == {1: "A", 2: "A", 3: "A", 4: "A"}
    assert_figures_are_right(database)


def test_an_entry_is_enabled_with_the_contents_that_were_published_last(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(database, "one", list_file(1, 2))
    with monkeypatch.context() as patched:  # As if the process had ended right then.
        patched.setattr(applying, "finish_publication", lambda *_: None)
        import_text(database, "one", list_file(1, 2, category="B"))
    _disable_and_enable(database)
    assert listed_entries(database) == {1: "B", 2: "B"}
    crash_before_publication(database, monkeypatch, list_file(1, category="C"))
    _disable_and_enable(database)
    assert listed_entries(database) == {1: "B", 2: "B"}


def _disable_and_enable(database: Database) -> None:
    for change in (disable_entries, enable_entries):
        with database.writing() as session:
            change(session, "one", ["e1", "e2"])


def test_the_index_follows_a_delivery_that_was_prepared_before_another_change(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import_text(database, "one", list_file(1, 2, 3))
    live = LiveIndex(database, tmp_path / "index", ALGORITHMS)
    assert _indexed(live) == {1, 2, 3}
    # It has to follow, and is not built again.
    monkeypatch.setattr(maintenance, "_build", None)

    def disable() -> None:
        with database.writing() as session:
            disable_entries(session, "one", ["e3"])
        assert _indexed(live) == {1, 2}

    with _before_publication(monkeypatch, disable):
        import_text(database, "one", list_file(2, 3, 4))
    assert _indexed(live) == {2, 4}
    live.close()


def _indexed(live: LiveIndex) -> set[int]:
    values = [number.to_bytes(16) for number in range(9)]
    found = live.snapshot().search_many("md5", values, 0)
    return {number for number, one in enumerate(found) if one}


def test_a_list_that_is_removed_beside_a_delivery_stays_removed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(database, "one", list_file(1, 2))

    def remove() -> None:
        with database.writing() as session:
            remove_list(session, "one")

    with _before_publication(monkeypatch, remove), pytest.raises(UnknownListError):
        import_text(database, "one", list_file(2, 3))
    with database.reading() as session:
        assert read_lists(session) == ()
    assert import_text(database, "one", list_file(3)).comparison.added == len(NAMES)
    assert listed_entries(database) == {3: "A"}


def test_one_delivery_at_a_time_is_applied_and_the_other_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def import_another() -> None:
        with pytest.raises(SyncLeaseError, match="by another process"):
            import_text(database, "one", list_file(9))

    with _before_publication(monkeypatch, import_another):
        import_text(database, "one", list_file(1))
    assert listed_entries(database) == {1: "A"}


def test_a_removal_of_many_entries_takes_them_out_at_once_and_deletes_them_in_turns(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.lists.registry._FEW_ENTRIES", 2)
    monkeypatch.setattr("hashmatch.store.engine.turns._FIRST_ROWS", 3)
    import_text(database, "other", list_file(1))
    import_text(database, "one", list_file(1, 2, 3, 4))
    with database.writing() as session:
        remove_list(session, "one")
        key = find_list(session, "one", removed_too=True).key
    assert listed_entries(database) == {}
    # A list of that name may come back before they are deleted.
    import_text(database, "one", list_file(4, 5))
    assert listed_entries(database) == {4: "A", 5: "A"}
    with database.writing() as session:
        remove_list(session, "one")
    clear_removed(database.turns(), key)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Entry)) == len(NAMES)
        assert find_list(session, "one", removed_too=True).clear_from is None
    assert listed_entries(database, "other") == {1: "A"}


@contextmanager
def _transactions() -> Iterator[list[list[str]]]:
    """Collect the statements that this thread writes by, by transaction."""
    transactions: list[list[str]] = [[]]
    own = threading.get_ident()

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        verb = statement.split(" ", 1)[0]
        # Another thread seals the audit records.
        if threading.get_ident() == own and verb in {"INSERT", "UPDATE", "DELETE"}:
            transactions[-1].append(f"{' '.join(statement.split()[:3])} {cursor.rowcount}")

    def end(_: Any) -> None:
        if threading.get_ident() == own and transactions[-1]:
            transactions.append([])

    event.listen(Engine, "after_cursor_execute", note)
    event.listen(Engine, "commit", end)
    try:
        yield transactions
    finally:
        event.remove(Engine, "after_cursor_execute", note)
        event.remove(Engine, "commit", end)


def _written(database: Database, text: str) -> tuple[list[int], list[str]]:
    """Import a text; return the entries that each transaction wrote, and the last one's steps."""
    with _transactions() as transactions:
        import_text(database, "one", text)
    rows = [
        sum(int(one.rsplit(" ", 1)[1]) for one in some)
        for some in transactions
        if any(" entries " in f"{one} " or one.startswith("UPDATE entries") for one in some)
    ]
    (publication,) = (
        some
        for some in transactions
        if any(one.startswith("INSERT INTO generations") for one in some)
    )
    return rows, [one.rsplit(" ", 1)[0] for one in publication]


def test_no_transaction_grows_with_the_delivery(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.engine.turns._FIRST_ROWS", 20)
    monkeypatch.setattr("hashmatch.store.engine.turns._MOST_ROWS", 20)
    import_text(database, "one", list_file(0))
    few, of_few = _written(database, list_file(*range(1, 6)))
    many, of_many = _written(database, list_file(*range(100, 400)))
    assert max(few + many) <= 21  # With the row of the lease.
    assert len(many) > 20
    assert of_few == of_many


def assert_figures_are_right(database: Database) -> None:
    """Compare the figures of list "one" with a count."""
    with database.reading() as session:
        row = find_list(session, "one")
        counted = {one: number for one, number in count_entries(session, row).items() if number}
        shown = {
            one: number
            for one, number in figures_of(database).items()
            if one[0] in ("hashes", "entries")
        }
        assert shown == counted
        hashes = sum(number for (one, _), number in counted.items() if one == "hashes")
        assert hashes == row.active_entries
        disabled = select(func.count()).select_from(Entry).where(Entry.disabled)
        assert sum(count_disabled(session).values()) == session.scalar(disabled)


CHANGES = st.one_of(
    st.tuples(st.just("import"), st.sets(st.integers(1, 6), min_size=1)),
    st.tuples(st.just("hashes"), st.sets(st.integers(1, 12), min_size=1)),
    st.tuples(st.just("disable"), st.sets(st.integers(1, 6), min_size=1, max_size=2)),
    st.tuples(st.just("enable"), st.sets(st.integers(1, 6), min_size=1, max_size=2)),
)


@settings(max_examples=15)
@given(changes=st.lists(CHANGES, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_after_any_changes_the_figures_are_those_of_a_count(
    database_factory: DatabaseFactory, changes: list[tuple[str, set[int]]], seed: int
) -> None:
    with database_factory() as database:
        import_text(database, "one", list_file(1, 2, 3))
        for kind, numbers in changes:
            if kind == "import":
                import_text(database, "one", list_file(*numbers))
            elif kind == "hashes":
                import_text(database, "one", _of_some_algorithms(numbers, seed))
            else:
                change = disable_entries if kind == "disable" else enable_entries
                with suppress(NotFoundError), database.writing() as session:
                    change(session, "one", [f"e{number}" for number in numbers])
            assert_figures_are_right(database)


def _of_some_algorithms(numbers: set[int], seed: int) -> str:
    """Return a file of entries with one or several hashes, and of hashes without an id."""
    chosen = random.Random(seed)
    rows = [
        f"md5,{number:032x},{chosen.choice(['', f'e{number % 6}'])},A\n" for number in numbers
    ] + [f"sha1,{number:040x},e{number % 6},A\n" for number in numbers if chosen.random() < 0.5]
    return HEADER + "".join(rows)


def test_entries_without_a_chosen_algorithm_are_counted_byfigures_of(database: Database) -> None:
    import_text(database, "one", list_file(1, 2) + f"md5,{9:032x},e9,A\nsha1,{8:040x},,A\n")
    with database.reading() as session:
        key = find_list(session, "one").key
        assert count_entries_without(session, key, ["md5"]) == 1
        assert count_entries_without(session, key, ["sha1"]) == 1
        assert count_entries_without(session, key, ["pdq"]) == 4
