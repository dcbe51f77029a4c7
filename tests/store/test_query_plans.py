"""Query plans of the database: a bad one costs a long list minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

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
    add_entry,
    create_list,
    disable_entries,
    disable_entry_until,
    find_list,
    withdraw_entry,
)
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import utc_now
from tests.lists.sources import MadeSource
from tests.store.importing import import_text

pytestmark = pytest.mark.sqlite

ITEMS: list[DeliveredItem] = [RawRow(1, "md5", "0" * 32, "a"), EntryUpdate(1, "a", "")]
LIST = f"algorithm,value,entry_id\nmd5,{'0' * 32},a\n"


@contextmanager
def _first_steps_of_updates() -> Iterator[list[str]]:
    """Collect the first step of SQLite's plan for each update of entries."""
    steps: list[str] = []

    def explain(connection: Any, _: Any, statement: str, values: Any, *__: Any) -> None:
        if statement.startswith("UPDATE entries"):
            own = connection.connection.driver_connection
            steps.append(own.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()[0][3])

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield steps
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def test_an_incremental_delivery_looks_only_at_the_entries_that_it_names(
    database: Database,
) -> None:
    sync_list(database, "one", MadeSource(ITEMS))
    with _first_steps_of_updates() as steps:
        sync_list(database, "one", MadeSource(ITEMS, ITEMS))
        with database.writing() as session:
            disable_entries(session, "one", ["a"])
    assert len(steps) == 3
    assert {"ix_entries_named (list_key=? AND entry_id=?)" in step for step in steps} == {True}


def test_an_entry_of_an_own_list_is_found_by_its_number(database: Database) -> None:
    with database.writing() as session:
        row = create_list(session, "mine", kind=OWN)
        number = add_entry(session, row, {"md5": bytes(16)}, "")
    with _first_steps_of_updates() as steps:
        with database.writing() as session:
            row = find_list(session, "mine")
            disable_entry_until(session, row, number, utc_now())
            withdraw_entry(session, row, number)
    assert len(steps) == 3
    assert all("ix_entries_named (list_key=? AND entry_id=?)" in step for step in steps[:2])
    assert "ix_entries_withdrawn (list_key=?" in steps[2]


def test_a_full_delivery_is_compared_in_the_order_in_which_it_is_staged(
    database: Database,
) -> None:
    import_text(database, "one", LIST)
    with _first_steps_of_updates() as steps:
        import_text(database, "one", LIST)
    assert len(steps) == 2
    assert {"uq_entries_active (list_key=?)" in step for step in steps} == {True}


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
