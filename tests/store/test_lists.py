"""Lists in the store: created, licensed, removed, their entries disabled; generations only grow."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hashmatch.config import Settings
from hashmatch.errors import InputError, NotFoundError, UnknownListError
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ListState,
    create_list,
    disable_entries,
    enable_entries,
    find_list,
    read_lists,
    remove_list,
    set_licence,
)
from hashmatch.store.schema.lists import Entry
from tests.pictures import hashes_of, list_of
from tests.store.importing import import_text


def _state(database: Database, name: str = "one") -> ListState:
    with database.reading() as session:
        return next(one for one in read_lists(session) if one.name == name)


def _active_ids(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(
            session.scalars(select(Entry.entry_id).where(Entry.withdrawn_generation.is_(None)))
        )


@pytest.mark.parametrize("name", ["", "Upper", "a b", "-x", "x" * 65, "ü", "a/b"])
def test_an_invalid_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InputError, match="is invalid"), database.writing() as session:
        create_list(session, name)


def test_a_name_is_given_once(database: Database) -> None:
    with database.writing() as session:
        create_list(session, "one")
    with pytest.raises(InputError, match="already"), database.writing() as session:
        create_list(session, "one")


def test_a_licence_ends_after_its_last_day(database: Database) -> None:
    with database.writing() as session:
        create_list(session, "one", licensor="IWF", licence_end=date(2026, 6, 30))
    state = _state(database)
    assert not state.licence_has_ended(date(2026, 6, 30))
    assert state.licence_has_ended(date(2026, 7, 1))
    with database.writing() as session:
        set_licence(session, "one", licensor=None, end=None)
    state = _state(database)
    assert (state.licensor, state.licence_end) == ("IWF", None)


def test_disabled_entries_stay_in_the_store(database: Database) -> None:
    import_text(database, "one", list_of(1, 2))
    with database.writing() as session:
        change = disable_entries(session, "one", ["e1"])
    assert (change.generation, change.counts.withdrawn) == (2, 1)
    assert _active_ids(database) == ["e2"]
    assert _state(database).active_entries == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Entry)) == 2


def test_a_disabled_entry_is_not_imported_again(database: Database) -> None:
    import_text(database, "one", list_of(1, 2))
    with database.writing() as session:
        disable_entries(session, "one", ["e1"])
    summary = import_text(database, "one", list_of(1, 2, 3))
    assert (summary.comparison.added, summary.comparison.disabled) == (1, 1)
    assert _active_ids(database) == ["e2", "e3"]
    again = import_text(database, "one", list_of(1, 2, 3))
    assert again.comparison.change is None


def test_a_disabled_entry_can_be_enabled(database: Database) -> None:
    import_text(database, "one", list_of(1, 2))
    with database.writing() as session:
        disable_entries(session, "one", ["e1"])
    with database.writing() as session:
        assert enable_entries(session, "one", ["e1"]).counts.added == 1
    assert _active_ids(database) == ["e1", "e2"]
    assert import_text(database, "one", list_of(1, 2)).comparison.change is None


def test_an_entry_without_an_id_is_disabled_by_its_number(database: Database) -> None:
    value = hashes_of(1, "pdq")["pdq"].value.hex()
    import_text(database, "one", f"algorithm,value\npdq,{value}\n")
    with database.reading() as session:
        key = session.scalars(select(Entry.key)).one()
    with database.writing() as session:
        disable_entries(session, "one", [f"#{key}"])
    assert _active_ids(database) == []


def test_an_unknown_entry_is_named_and_nothing_is_disabled(database: Database) -> None:
    import_text(database, "one", list_of(1))
    with pytest.raises(NotFoundError, match="e9"), database.writing() as session:
        disable_entries(session, "one", ["e1", "e9"])
    assert _active_ids(database) == ["e1"]
    assert _state(database).generation == 1


def test_a_removed_list_is_gone_but_its_generations_go_on(database: Database) -> None:
    import_text(database, "one", list_of(1))
    with database.writing() as session:
        remove_list(session, "one")
    with database.reading() as session:
        assert read_lists(session) == ()
        assert session.scalar(select(func.count()).select_from(Entry)) == 0
        with pytest.raises(UnknownListError):
            find_list(session, "one")
    assert import_text(database, "one", list_of(2)).generation == 3


def test_a_list_that_is_created_again_keeps_the_end_of_its_licence(database: Database) -> None:
    with database.writing() as session:
        create_list(session, "one", licensor="IWF", licence_end=date(2026, 6, 30))
    import_text(database, "one", list_of(1))
    with database.writing() as session:
        remove_list(session, "one")
    import_text(database, "one", list_of(1))
    state = _state(database)
    assert (state.licensor, state.licence_end) == ("IWF", date(2026, 6, 30))


@pytest.mark.sqlite
def test_removed_values_are_overwritten_in_the_file(settings: Settings, database: Database) -> None:
    values = [hashes_of(seed, "pdq")["pdq"].value for seed in range(5)]
    import_text(database, "one", list_of(*range(5)))
    database.close()  # Closing moves everything from the log into the file.
    assert all(value in _bytes_of(settings.data_dir) for value in values)
    with database.writing() as session:
        remove_list(session, "one")
    assert database.forget_deleted()
    assert not any(value in _bytes_of(settings.data_dir) for value in values)


@pytest.mark.sqlite
def test_a_reader_that_keeps_deleted_values_alive_is_noticed(
    settings: Settings, database: Database
) -> None:
    import_text(database, "one", list_of(1))
    with closing(Database(settings.database_url)) as other, other.reading() as reader:
        read_lists(reader)
        with database.writing() as session:
            remove_list(session, "one")
        assert not database.forget_deleted()
    assert database.forget_deleted()


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
