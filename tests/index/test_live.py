"""The live index follows the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from hashmatch.config import Settings
from hashmatch.errors import StoreError
from hashmatch.index import LiveIndex
from hashmatch.store.engine import Database
from hashmatch.store.lists import create_list, disable_entries, remove_list
from hashmatch.store.schema.lists import Entry
from tests.pictures import hashes_of, list_of
from tests.store.importing import import_text


def _found(live: LiveIndex, seed: int, algorithm: str = "pdq") -> int:
    value = hashes_of(seed, algorithm)[algorithm].value
    return len(live.snapshot().search_many(algorithm, [value], 0)[0])


def test_an_empty_store_has_nothing_to_find(live: LiveIndex) -> None:
    snapshot = live.snapshot()
    assert not snapshot.has_entries()
    assert snapshot.search_many("pdq", [bytes(32)], 256) == [[]]


def test_changes_are_seen_at_once(database: Database, live: LiveIndex) -> None:
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "md5")))
    assert (_found(live, 1), _found(live, 1, "md5")) == (1, 1)
    import_text(database, "two", list_of(1, 3))
    assert (_found(live, 1), _found(live, 3)) == (2, 1)
    with database.writing() as session:
        disable_entries(session, "one", ["e1"])
    assert _found(live, 1) == 1
    with database.writing() as session:
        remove_list(session, "two")
    assert (_found(live, 1), _found(live, 2)) == (0, 1)


def test_entries_are_read_again_only_after_a_change(database: Database, live: LiveIndex) -> None:
    import_text(database, "one", list_of(1))
    first = live.snapshot()
    assert live.snapshot().indexes is first.indexes
    with database.writing() as session:
        create_list(session, "empty", licence_end=date(2001, 1, 1))
    assert [one.name for one in live.snapshot().lists] == ["empty", "one"]


def test_a_store_that_was_restored_from_an_older_copy_is_read_again(
    settings: Settings, database: Database, live: LiveIndex, tmp_path: Path
) -> None:
    """Its generations count again from where the copy was made."""
    import_text(database, "one", list_of(9))
    file = settings.data_dir / "hashmatch.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(tmp_path / "c")) as copy:
        source.backup(copy)
    import_text(database, "one", list_of(9, 1))
    assert (_found(live, 1), _found(live, 2)) == (1, 0)
    with closing(sqlite3.connect(tmp_path / "c")) as copy, closing(sqlite3.connect(file)) as store:
        copy.backup(store)
    import_text(database, "one", list_of(9, 2))
    assert (_found(live, 1), _found(live, 2)) == (0, 1)


def test_a_value_of_a_wrong_length_in_the_store_is_never_searched(
    database: Database, live: LiveIndex
) -> None:
    import_text(database, "one", list_of(1))
    with database.writing() as session:
        session.execute(update(Entry).values(value=b"short"))
    with pytest.raises(StoreError, match="wrong length"):
        live.snapshot()


def test_an_unsupported_algorithm_is_never_passed_over(database: Database, live: LiveIndex) -> None:
    import_text(database, "one", list_of(1))
    with database.writing() as session:
        session.execute(update(Entry).values(algorithm="photodna"))
    with pytest.raises(StoreError, match="photodna"):
        live.snapshot()
