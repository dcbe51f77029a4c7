"""Claims about units of work that meet another writer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from hashmatch.errors import StoreConflictError, StoreError
from hashmatch.store.engine import Database, retried
from hashmatch.store.lists import create_list
from hashmatch.store.schema import HashList, StoreIdentity
from tests.postgresql import lent_database


def test_a_row_that_was_removed_meanwhile_is_met_again_at_the_next_attempt(
    database: Database,
) -> None:
    attempts = []

    def work() -> str:
        with database.writing() as session:
            attempts.append(1)
            if len(attempts) > 1:
                create_list(session, "one")
            return session.get_one(HashList, 1).name

    assert retried(work) == "one"
    assert len(attempts) == 2


def test_a_conflict_that_stays_is_reported_after_a_few_attempts(database: Database) -> None:
    attempts = []

    def work() -> None:
        attempts.append(1)
        with database.writing() as session:
            create_list(session, "one")
            session.get_one(HashList, 7)

    with pytest.raises(StoreConflictError, match="another writer"):
        retried(work)
    assert 1 < len(attempts) < 10
    with database.reading() as session:
        assert session.get(HashList, 1) is None  # Nothing of any attempt was kept.


def test_any_other_failure_is_raised_at_once(database: Database) -> None:
    attempts = []

    def work() -> None:
        attempts.append(1)
        with database.writing():
            raise StoreError("a full disk")

    with pytest.raises(StoreError, match="a full disk"):
        retried(work)
    assert len(attempts) == 1


def test_writers_that_would_wait_for_each_other_for_ever_both_come_through() -> None:
    with lent_database() as url, closing(Database(url, busy_timeout_s=20)) as database:
        with database.writing() as session:
            for name in ("one", "two"):
                create_list(session, name)
        both_have_one = threading.Barrier(2)

        def work(first: int) -> None:
            meets = [True]

            def write() -> None:
                with database.writing() as session:
                    session.get_one(HashList, first, with_for_update=True)
                    if meets.pop() if meets else False:
                        both_have_one.wait()
                    session.get_one(HashList, 3 - first, with_for_update=True).licensor += "."

            retried(write)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, (1, 2)))
        with database.reading() as session:
            assert [session.get_one(HashList, key).licensor for key in (1, 2)] == [".", "."]


def test_a_row_that_comes_or_goes_beside_a_statement_is_a_conflict() -> None:
    with lent_database() as url, closing(Database(url)) as database:
        with database.writing() as session:
            session.add(StoreIdentity(identity="same"))
        with pytest.raises(StoreConflictError), database.writing() as session:
            session.add(StoreIdentity(identity="same"))
