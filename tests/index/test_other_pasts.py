"""Stores restored from a copy, lists that were removed and created again, and their keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.errors import DamagedIndexError, IndexFolderError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, LiveIndex, catch_up, inspect, merge
from hashmatch.index.manifest import Manifest
from hashmatch.store.engine import Database
from hashmatch.store.lists import create_list, remove_list
from tests.index.stores import assert_right, disable, fill

pytestmark = pytest.mark.usefixtures("segments_stay_apart")


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _back_up(database: Database, tmp_path: Path) -> None:
    path = database.sqlite_path()
    assert path is not None
    _copy(path, tmp_path / "copy")


def _restore(database: Database, tmp_path: Path) -> None:
    path = database.sqlite_path()
    assert path is not None
    _copy(tmp_path / "copy", path)


def _remove(database: Database, name: str) -> None:
    with database.writing() as session:
        remove_list(session, name)


def _create(database: Database, name: str) -> None:
    with database.writing() as session:
        create_list(session, name)


def test_a_removed_list_that_was_restored_matches_again(
    database: Database, live: LiveIndex, tmp_path: Path
) -> None:
    fill(database, "one", range(10))
    fill(database, "two", range(10, 40))
    live.snapshot()
    _back_up(database, tmp_path)
    _remove(database, "two")
    assert_right(live, database)
    _restore(database, tmp_path)
    assert_right(live, database)


def test_a_list_that_takes_the_keys_of_a_forgotten_one_matches(
    database: Database, live: LiveIndex, tmp_path: Path
) -> None:
    fill(database, "one", range(10))
    live.snapshot()
    _back_up(database, tmp_path)
    fill(database, "two", range(10, 40))
    live.snapshot()
    _restore(database, tmp_path)
    live.snapshot()
    fill(database, "three", range(10, 40))
    assert_right(live, database)


def test_an_entry_that_takes_the_key_of_a_disabled_one_matches(
    database: Database, live: LiveIndex, tmp_path: Path
) -> None:
    fill(database, "one", range(10))
    fill(database, "two", range(10))
    live.snapshot()
    _back_up(database, tmp_path)
    fill(database, "three", range(10, 40))
    live.snapshot()
    disable(database, "three", [25])
    live.snapshot()
    _restore(database, tmp_path)
    live.snapshot()
    fill(database, "one", range(40))
    assert_right(live, database)


def test_entries_of_a_list_that_was_removed_twice_stay_away(
    database: Database, live: LiveIndex
) -> None:
    fill(database, "one", range(10))
    fill(database, "two", range(10, 40))
    live.snapshot()
    _remove(database, "two")
    live.snapshot()
    _create(database, "two")
    live.snapshot()
    _remove(database, "two")
    live.snapshot()
    fill(database, "two", range(30, 50))
    assert_right(live, database)


def test_an_algorithm_that_is_no_longer_installed_goes_with_its_list(
    settings: Settings, database: Database, folder: IndexFolder
) -> None:
    fill(database, "one", range(10))
    catch_up(database, folder, ALGORITHMS)
    others = {name: one for name, one in ALGORITHMS.items() if name != "pdq"}
    assert "cannot match" in inspect(database, folder, others).problem
    with closing(LiveIndex(database, settings.index_dir, others)) as live:
        with pytest.raises(IndexFolderError, match="pdq"):
            live.snapshot()
        merge(folder, others, everything=True)
        _remove(database, "one")
        assert inspect(database, folder, ALGORITHMS).behind == ("(one that was removed)",)
        assert live.snapshot().indexes == {}
    assert inspect(database, folder, others).problem == ""


@pytest.mark.parametrize("distance", [29, pytest.param(1, marks=pytest.mark.long)])
def test_every_byte_of_a_manifest_is_checked(
    database: Database, folder: IndexFolder, distance: int
) -> None:
    fill(database, "one", range(10))
    fill(database, "two", range(10))
    catch_up(database, folder, ALGORITHMS)
    disable(database, "one", [1])
    _remove(database, "two")
    text = catch_up(database, folder, ALGORITHMS).encode()
    assert Manifest.decode(text).encode() == text
    for place in range(0, len(text.rstrip()), distance):
        for bit in (1, 4):
            changed = text[:place] + chr(ord(text[place]) ^ bit) + text[place + 1 :]
            with pytest.raises(DamagedIndexError):
                Manifest.decode(changed)
