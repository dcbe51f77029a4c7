"""Claims about a database with many writers and hosts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select, text

from hashmatch.config import Settings
from hashmatch.errors import (
    ConfigError,
    StoreError,
    StoreMissingError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.outcome import Action, outcome_name
from hashmatch.screening.request import Query
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    create_list,
    disable_entries,
    find_list,
    find_or_create_list,
    read_lists,
)
from hashmatch.store.matches import (
    ContentFacts,
    NewItem,
    NewMatch,
    Tally,
    read_daily_counts,
    read_matches,
    record_items,
)
from hashmatch.store.matches.matches import MatchFilter
from hashmatch.store.migrations import upgrade
from hashmatch.store.outbox import queue_message
from hashmatch.store.schema.lists import Entry
from hashmatch.store.schema.matches import ContentHash
from hashmatch.wiring import open_scanner_with
from tests.pictures import hashes_of, list_of
from tests.postgresql import break_connections, lent_database, new_database
from tests.store.importing import import_text

AT_ONCE = 8
_Result = TypeVar("_Result")


@pytest.fixture
def url() -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture
def database() -> Iterator[Database]:
    with lent_database() as url, closing(Database(url, busy_timeout_s=20)) as database:
        yield database


def _all_at_once(work: Callable[[int], _Result], times: int = AT_ONCE) -> list[_Result]:
    """Let threads do the same at the same moment."""
    barrier = threading.Barrier(times)

    def one(number: int) -> _Result:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_hosts_that_start_at_once_upgrade_once(url: str) -> None:
    def work(_: int) -> bool:
        with closing(Database(url)) as own:
            upgrade(own)
            own.require_current_schema()
            return True

    assert all(_all_at_once(work, 4))


def test_the_same_match_found_by_many_at_once_is_recorded_once(database: Database) -> None:
    import_text(database, "one", list_of(1))
    with database.reading() as session:
        (owner,) = read_lists(session)
        entry_key = session.scalars(select(Entry.key)).one()
    found = Hash(ALGORITHMS["pdq"], b"x" * 32, quality=100)
    new = NewMatch(
        list_key=owner.key,
        list_name="one",
        licensor="",
        generation=1,
        entry_key=entry_key,
        entry_id="e1",
        category="",
        action=Action.BLOCK,
        found=found,
        distance_bits=0,
        threshold_bits=31,
    )
    facts = ContentFacts("post/1", "", b"f" * 32, None, (found,))

    def work(_: int) -> str:
        with database.writing() as session:
            (recorded,) = record_items(session, [NewItem(facts, [new])])
            return recorded.matches[0][0].match_id

    assert len(set(_all_at_once(work))) == 1
    with database.reading() as session:
        assert len(list(read_matches(session, MatchFilter()))) == 1
        assert len(session.scalars(select(ContentHash)).all()) == 1


def test_counts_of_many_processes_add_up(database: Database) -> None:
    def work(number: int) -> None:
        tally = Tally(database)
        for reason in ("", "empty", "truncated")[:: 1 if number % 2 else -1]:
            tally.add(date(2026, 1, 1), "clear", reason)
        tally.flush()

    _all_at_once(work)
    with database.reading() as session:
        assert set(read_daily_counts(session).values()) == {AT_ONCE}


def test_a_message_queued_by_many_at_once_is_one(database: Database) -> None:
    def work(_: int) -> bool:
        with database.writing() as session:
            return queue_message(session, "kind", "target", "the same", {})

    assert sorted(_all_at_once(work)) == [False] * (AT_ONCE - 1) + [True]


def test_a_list_created_by_many_at_once_is_one(database: Database) -> None:
    def work(_: int) -> bool:
        with database.writing() as session:
            return find_or_create_list(session, "one", "match")[1]

    assert sorted(_all_at_once(work)) == [False] * (AT_ONCE - 1) + [True]


def test_changes_of_one_list_follow_each_other(database: Database) -> None:
    import_text(database, "one", list_of(*range(AT_ONCE)))

    def work(number: int) -> int:
        with database.writing() as session:
            return disable_entries(session, "one", [f"e{number}"]).generation

    assert sorted(_all_at_once(work)) == list(range(2, AT_ONCE + 2))
    with database.reading() as session:
        assert read_lists(session)[0].active_entries == 0


def test_a_change_of_a_list_does_not_block_the_recording_of_its_matches(
    database: Database,
) -> None:
    with database.writing() as session:
        key = create_list(session, "one").key
    with database.writing() as session:
        find_list(session, "one").licensor = "somebody"
        session.flush()
        with closing(Database(database.url, busy_timeout_s=0.1)) as other:
            with other.writing() as second:
                second.execute(
                    text(
                        "INSERT INTO generations (list_key, number, created_at, source, added,"
                        f" withdrawn, changed) VALUES ({key}, 7, now(), '', 0, 0, 0)"
                    )
                )


def test_a_read_sees_one_state_throughout(database: Database) -> None:
    import_text(database, "one", list_of(1))
    with database.reading() as session:
        before = read_lists(session)
        import_text(database, "one", list_of(1, 2))
        assert read_lists(session) == before


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(StoreReadOnlyError), database.reading() as session:
        create_list(session, "one")


def test_a_broken_connection_is_reported_as_such_and_the_next_is_good(database: Database) -> None:
    with pytest.raises(StoreUnreachableError, match="cannot be reached"):
        with database.writing() as session:
            create_list(session, "one")
            break_connections(database.url)
    with database.reading() as session:
        assert read_lists(session) == ()
    break_connections(database.url)  # While nobody uses them.
    with database.writing() as session:
        create_list(session, "one")


def test_an_unreachable_server_is_reported_without_its_password() -> None:
    with closing(Database("postgresql://user:hunter2@127.0.0.1:1/name")) as database:
        with pytest.raises(StoreUnreachableError) as caught:
            database.require_current_schema()
    assert "hunter2" not in caught.value.message
    assert "name at 127.0.0.1:1: the database server cannot be reached" in caught.value.message


def test_a_missing_database_is_reported(url: str) -> None:
    with closing(Database(url.replace("/test_", "/nothing_"))) as database:
        with pytest.raises(StoreMissingError, match="no such database"):
            database.require_current_schema()


def test_no_error_quotes_a_row(database: Database) -> None:
    insert = text("INSERT INTO store_identity VALUES ('secret-value')")
    with pytest.raises(StoreError) as caught, database.writing() as session:
        session.execute(insert)
        session.execute(insert)
    error: BaseException = caught.value
    assert "23505" in str(error)
    assert "secret-value" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_other_spellings_of_the_address_are_refused_with_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        Database("postgres://host/name")
    assert "postgresql://" in caught.value.hint
    with pytest.raises(ConfigError):
        Database("postgresql://user:hunter2@host:port/name")


def test_deleted_values_are_forgotten(database: Database) -> None:
    import_text(database, "one", list_of(1))
    assert database.forget_deleted()


def test_lookups_of_the_same_images_in_any_order_do_not_deadlock(
    database: Database, tmp_path: Path
) -> None:
    import_text(database, "one", list_of(1))
    found = hashes_of(1, "pdq")["pdq"]
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "database": {"url": database.url}, "intake": {"isolation": "none"}}
    )
    queries = [Query((found,), f"post/{number}") for number in range(20)]
    with open_scanner_with(settings) as scanner:

        def work(number: int) -> set[str]:
            asked = queries if number % 2 else queries[::-1]
            return {outcome_name(one) for one in scanner.lookup_many(asked)}

        assert _all_at_once(work, 4) == [{"matched"}] * 4
    with database.reading() as session:
        assert len(list(read_matches(session, MatchFilter()))) == len(queries)


def test_no_message_shows_a_password_wherever_it_stands() -> None:
    database = Database("postgresql://host/name?user=u&password=hunter2&sslpassword=hunter3")
    assert database.name() == "name at host"
    with closing(Database("postgresql:///name?host=127.0.0.1&port=1&password=hunter2")) as away:
        with pytest.raises(StoreUnreachableError) as caught:
            away.require_current_schema()
    assert "hunter" not in caught.value.message
