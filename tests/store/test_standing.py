"""Claims about the question that every scan asks: has anything changed?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import update

from hashmatch.errors import StoreExchangedError, StoreUnreachableError
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    FollowedLists,
    create_list,
    disable_entries,
    enable_entries,
    read_lists,
    remove_list,
    set_licence,
)
from hashmatch.store.schema import HashList, StoreIdentity
from tests.pictures import list_of
from tests.postgresql import break_connections
from tests.store.importing import import_text


@pytest.fixture
def followed(database: Database) -> Iterator[FollowedLists]:
    import_text(database, "one", list_of(1, 2))
    with closing(FollowedLists(database)) as followed:
        followed.read()
        yield followed


def _state(database: Database) -> object:
    with database.reading() as session:
        return read_lists(session)


def _import(database: Database) -> None:
    import_text(database, "one", list_of(1, 2, 3))


def _create(database: Database) -> None:
    with database.writing() as session:
        create_list(session, "two")


def _disable(database: Database) -> None:
    with database.writing() as session:
        disable_entries(session, "one", ["e1"])


def _enable(database: Database) -> None:
    _disable(database)
    with database.writing() as session:
        enable_entries(session, "one", ["e1"])


def _license(database: Database) -> None:
    with database.writing() as session:
        set_licence(session, "one", licensor="somebody", end=date(2001, 1, 1))


def _remove(database: Database) -> None:
    with database.writing() as session:
        remove_list(session, "one")


def _any_column(name: str, value: object) -> Callable[[Database], None]:
    def change(database: Database) -> None:
        with database.writing() as session:
            session.execute(update(HashList).values({name: value}))

    return change


_COLUMNS = {"name": "other", "kind": "own", "licensor": "x", "generation": 9, "active_entries": 7}


@pytest.mark.parametrize(
    "change",
    [_import, _create, _disable, _enable, _license, _remove,
     *(_any_column(*one) for one in _COLUMNS.items())],
)  # fmt: skip
def test_each_change_of_a_list_is_seen_at_once(
    database: Database, followed: FollowedLists, change: Callable[[Database], None]
) -> None:
    before = followed.read()
    change(database)
    assert followed.read() == _state(database)
    assert followed.read() != before


def test_the_lists_are_the_same_object_while_they_stay_as_they_are(
    database: Database, followed: FollowedLists
) -> None:
    before = followed.read()
    assert followed.read() is before
    with database.writing() as session:  # Something else was committed.
        create_list(session, "allowed", kind="allow")
    assert followed.read() is before


def test_a_forked_process_asks_on_a_connection_of_its_own(
    database: Database, followed: FollowedLists
) -> None:
    database.seal_records()  # A lock that a thread has at the fork stays locked in the child.
    pid = os.fork()
    if not pid:
        try:
            _create(database)
            os._exit(0 if len(followed.read()) == 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert followed.read() == _state(database)
    _disable(database)
    assert followed.read() == _state(database)


def test_a_connection_that_broke_meanwhile_is_replaced(
    database: Database, followed: FollowedLists, backend: str
) -> None:
    if backend != "postgresql":
        pytest.skip("a file does not break connections")
    break_connections(database.url)
    assert followed.read() == _state(database)


def test_another_store_in_its_place_is_noticed(database: Database, followed: FollowedLists) -> None:
    with database.writing() as session:
        session.execute(update(StoreIdentity).values(identity="another"))
    for _ in range(2):
        with pytest.raises(StoreExchangedError, match="exchanged"):
            followed.read()


@pytest.mark.sqlite
@pytest.mark.parametrize("replaces", [True, False])
def test_a_file_that_was_removed_or_replaced_is_neither_read_nor_written(
    database: Database, followed: FollowedLists, replaces: bool
) -> None:
    database.seal_records()  # So that no thread of its own uses the file.
    path = database.sqlite_path()
    assert path is not None
    aside, backup = path.with_name("aside.db"), path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    path.rename(aside)
    if replaces:
        backup.replace(path)
    with pytest.raises(StoreExchangedError) as caught:
        followed.read()
    assert "Restart" in caught.value.hint
    with pytest.raises(StoreExchangedError), database.reading():
        pass
    with pytest.raises(StoreExchangedError), database.writing():
        pass
    aside.replace(path)  # It was brought back.
    assert followed.read() == _state(database)


@pytest.mark.sqlite
def test_a_commit_to_a_file_that_is_gone_is_no_success(database: Database) -> None:
    path = database.sqlite_path()
    assert path is not None
    with pytest.raises(StoreExchangedError), database.writing() as session:
        create_list(session, "one")
        path.unlink()


@pytest.mark.sqlite
def test_a_backup_that_is_copied_over_the_file_is_noticed(
    database: Database, followed: FollowedLists
) -> None:
    """It is another store, although the file has the same inode."""
    path = database.sqlite_path()
    assert path is not None
    other = path.with_name("other.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(other)) as target:
        source.backup(target)
        target.execute("UPDATE store_identity SET identity = 'another'")
        target.commit()
    with closing(sqlite3.connect(path)) as flushed:
        flushed.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(other.read_bytes())
    with pytest.raises(StoreExchangedError):
        followed.read()


def test_a_store_that_is_away_is_an_error_as_at_any_other_access() -> None:
    with closing(Database("postgresql://user@127.0.0.1:1/name")) as database:
        with closing(FollowedLists(database)) as followed, pytest.raises(StoreUnreachableError):
            followed.read()
