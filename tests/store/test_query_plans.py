"""Query plans of the database: a bad one costs a long list minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from hashmatch.lists import sync_list
from hashmatch.lists.delivery import DeliveredItem, EntryUpdate
from hashmatch.lists.formats import RawRow
from hashmatch.outcome import Nearness
from hashmatch.store.engine import Database
from hashmatch.store.evaluations import (
    OtherThreshold,
    count_distances,
    count_fates,
    count_results,
    draw_matches,
)
from hashmatch.store.lists import (
    OWN,
    Terms,
    add_entry,
    allow_hash,
    create_list,
    disable_entries,
    disable_entry_until,
    enable_entries,
    find_list,
    read_allowances,
    read_new_entries,
    read_withdrawn_keys,
    withdraw_entry,
)
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import utc_now
from tests.lists.sources import MadeSource
from tests.store.importing import import_text

ITEMS: list[DeliveredItem] = [RawRow(1, "md5", "0" * 32, "a"), EntryUpdate(1, "a", "")]
LIST = f"algorithm,value,entry_id\nmd5,{'0' * 32},a\n"


@contextmanager
def _plans(database: Database, *words: str) -> Iterator[list[str]]:
    """Collect the plans of the statements on entries that have all of the words, a line each."""
    plans: list[str] = []

    def explain(connection: Any, _: Any, statement: str, values: Any, *__: Any) -> None:
        verb = statement.split(" ", 1)[0]
        is_wanted = all(word in statement for word in words)
        if is_wanted and verb in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            plans.append(_plan(connection, statement, values))

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def _plan(connection: Any, statement: str, values: Any) -> str:
    own = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        rows = own.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        return " / ".join(row[3] for row in rows)
    # Small tables are scanned otherwise, whatever indexes they have.
    own.execute("SET LOCAL enable_seqscan = off")
    rows = own.execute(f"EXPLAIN {statement}", values).fetchall()
    own.execute("SET LOCAL enable_seqscan = on")
    return " / ".join(row[0].strip() for row in rows)


@pytest.mark.sqlite
def test_an_incremental_delivery_looks_only_at_the_entries_that_it_names(
    database: Database,
) -> None:
    sync_list(database, "one", MadeSource(ITEMS))
    with _plans(database, "entries", "updates") as plans:
        sync_list(database, "one", MadeSource(ITEMS, [EntryUpdate(1, "a", "")]))
    assert len(plans) == 2
    assert all("uq_entries_active (list_key=? AND entry_id=?" in plan for plan in plans)


@pytest.mark.sqlite
def test_an_entry_is_found_by_its_id(database: Database) -> None:
    with database.writing() as session:
        row = create_list(session, "mine", kind=OWN)
        number = add_entry(session, row, {"md5": bytes(16)}, "")
    with _plans(database, "FROM entries", "entry_id") as plans, database.writing() as session:
        row = find_list(session, "mine")
        disable_entry_until(session, row, number, utc_now())
        disable_entries(session, "mine", [str(number)])
        enable_entries(session, "mine", [str(number)])
        withdraw_entry(session, row, number)
    assert len(plans) > 5
    by_id = ("uq_entries_active (list_key=? AND entry_id=?", "ix_entries_disabled (list_key=? AND")
    by_key = "USING INTEGER PRIMARY KEY"
    assert [one for one in plans if not any(part in one for part in (*by_id, by_key))] == []


@pytest.mark.sqlite
def test_a_full_delivery_is_compared_and_inserted_in_the_order_in_which_it_is_staged(
    database: Database,
) -> None:
    import_text(database, "one", LIST)
    with _plans(database, "entries", "staged") as plans:
        import_text(database, "one", f"{LIST}md5,{'1' * 32},b\n")
    assert len(plans) >= 2
    assert all("SCAN entries" not in one and "TEMP B-TREE" not in one for one in plans)
    with _plans(database, "INSERT INTO entries") as plans:
        import_text(database, "one", f"{LIST}md5,{'1' * 32},b\nmd5,{'2' * 32},c\n")
    assert len(plans) == 1
    assert "TEMP B-TREE" not in plans[0]


def test_allowances_are_found_by_algorithm_and_value(database: Database) -> None:
    rows = "".join(f"md5,{number:032x},e{number}\n" for number in range(1_000))
    import_text(database, "one", LIST.splitlines(keepends=True)[0] + rows)
    with database.writing() as session:
        for number in range(3):
            allow_hash(session, "fine", "md5", bytes([number]) * 16, Terms("Jane"), "a logo")
        session.execute(text("ANALYZE"))
    hashes = [("md5", bytes([number]) * 16) for number in range(5)] + [("sha1", bytes(20))]
    with _plans(database, "FROM entries", "allows") as plans, database.reading() as session:
        assert len(read_allowances(session, hashes, utc_now().date())) == 3
    assert len(plans) == 2
    for plan in plans:
        assert "ix_entries_allows (algorithm=? AND value=?)" in plan or (
            "ix_entries_allows" in plan and "(value =" in plan
        )


def test_a_change_of_a_list_is_read_by_its_own_keys(database: Database) -> None:
    import_text(database, "one", LIST)
    import_text(database, "other", LIST)
    with database.reading() as session:
        key = find_list(session, "one").key
    import_text(database, "one", f"{LIST}md5,{'1' * 32},b\n")
    with _plans(database, "SELECT entries.algorithm") as plans, database.reading() as session:
        found = [key for batch in read_new_entries(session, {key: 1}) for key in batch.keys]
        read_withdrawn_keys(session, key, 1)
    assert len(found) == 1
    new, withdrawn = plans
    assert "PRIMARY KEY (rowid>? AND rowid<?)" in new or (
        "pk_entries" in new and "key >=" in new and "key <=" in new
    )
    assert "ix_entries_withdrawn" in withdrawn


@pytest.mark.sqlite
def test_matches_of_a_period_are_found_by_their_time(database: Database) -> None:
    import_text(database, "one", LIST)
    wanted = MatchFilter(since=utc_now(), until=utc_now())
    steps: list[str] = []

    def explain(connection: Any, _: Any, statement: str, values: Any, *__: Any) -> None:
        if "FROM matches" in statement:
            own = connection.connection.driver_connection
            rows = own.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            steps.append(" / ".join(row[3] for row in rows))

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        with database.reading() as session:
            list(count_results(session, wanted, ("list", "from_bits")))
            count_distances(session, wanted)
            count_fates(session, wanted, {"pdq": OtherThreshold(24)})
            for by_list in (False, True):
                draw_matches(session, wanted, Nearness.MATCH, size=3, seed="s", by_list=by_list)
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    assert len(steps) == 5
    assert [one for one in steps if "ix_matches_matched_at_key (matched_at>?" not in one] == []
