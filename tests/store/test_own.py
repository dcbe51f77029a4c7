"""Own lists: entries keep their numbers, leave matching and come back, and are on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hashmatch.audit import verify
from hashmatch.errors import InputError, NotFoundError
from hashmatch.lists import add_hashes, sync_list
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.lists import (
    OWN,
    NumberedEntry,
    add_entry,
    create_list,
    disable_entry_until,
    disable_numbered_entry,
    find_list,
    find_numbered_entry,
    read_lists,
    remove_list,
    withdraw_entry,
)
from hashmatch.store.schema import utc_now
from tests.lists.sources import MadeSource
from tests.pictures import drawn, hashes_of, list_of
from tests.scanning import NOW, MakeScanner
from tests.store.importing import import_text

PDQ, MD5 = hashes_of(5)["pdq"], hashes_of(5)["md5"]


@pytest.fixture
def number(database: Database) -> int:
    """Number of an entry of the own list mine, with two hashes."""
    with database.writing() as session:
        create_list(session, "mine", kind=OWN)
    return add_hashes(database, "mine", [PDQ, MD5], note="n")


def _entry(database: Database, number: int) -> NumberedEntry | None:
    with database.reading() as session:
        return find_numbered_entry(session, find_list(session, "mine"), number)


def _active(database: Database) -> int:
    with database.reading() as session:
        return next(one.active_entries for one in read_lists(session) if one.name == "mine")


def test_an_entry_has_a_number_of_its_own(database: Database, number: int) -> None:
    other = add_hashes(database, "mine", [PDQ])
    assert other != number
    assert _entry(database, number) == NumberedEntry(number, False, None, "n")
    assert _active(database) == 3
    assert _entry(database, number + 1) is None


def test_an_entry_keeps_its_number_while_it_is_disabled_and_enabled(
    database: Database, number: int
) -> None:
    for _ in range(2):
        with database.writing() as session:
            disable_numbered_entry(session, find_list(session, "mine"), number)
        assert _entry(database, number) == NumberedEntry(number, True, None, "n")
        assert _active(database) == 0
        with database.writing() as session:
            disable_entry_until(session, find_list(session, "mine"), number, None)
        assert _entry(database, number) == NumberedEntry(number, False, None, "n")
        assert _active(database) == 2


def test_a_disabled_entry_may_be_disabled_until_a_time_instead(
    database: Database, number: int
) -> None:
    until = utc_now() + timedelta(days=1)
    with database.writing() as session:
        row = find_list(session, "mine")
        disable_numbered_entry(session, row, number)
        disable_entry_until(session, row, number, until)
    assert _entry(database, number) == NumberedEntry(number, False, until, "n")
    assert _active(database) == 2


def test_a_withdrawn_entry_is_gone_however_it_was(database: Database, number: int) -> None:
    other = add_hashes(database, "mine", [PDQ])
    with database.writing() as session:
        row = find_list(session, "mine")
        disable_numbered_entry(session, row, other)
        assert withdraw_entry(session, row, number)
        assert withdraw_entry(session, row, other)
        assert not withdraw_entry(session, row, other)
        with pytest.raises(NotFoundError):
            disable_numbered_entry(session, row, number)
    assert _entry(database, number) is _entry(database, other) is None
    assert _active(database) == 0


def test_an_entry_of_another_list_is_not_touched(database: Database, number: int) -> None:
    import_text(database, "one", f"algorithm,value,entry_id\npdq,{PDQ.value.hex()},{number}\n")
    with database.writing() as session:
        create_list(session, "other", kind=OWN)
        assert not withdraw_entry(session, find_list(session, "other"), number)
        # The number of an entry of a licensed list is its key.
        assert find_numbered_entry(session, find_list(session, "one"), number) is None
    assert _active(database) == 2


def test_each_change_is_on_the_audit_chain(database: Database, number: int) -> None:
    with database.writing("somebody") as session:
        row = find_list(session, "mine")
        disable_entry_until(session, row, number, utc_now() + timedelta(days=1))
        withdraw_entry(session, row, number)
    with database.reading() as session:
        assert verify(session, {}).is_intact
        found = [one["action"] for one in read_audit_records(session) if one["actor"] == "somebody"]
    assert found == ["entry.disabled", "list.changed", "entry.withdrawn"]


def test_an_entry_that_is_disabled_until_later_matches_nothing_meanwhile(
    database: Database, number: int, make_scanner: MakeScanner
) -> None:
    with make_scanner() as scanner:
        for until, outcome in (
            (NOW + timedelta(seconds=1), "Clear"),
            (NOW, "Matched"),
            (NOW - timedelta(days=1), "Matched"),
            (None, "Matched"),
        ):
            with database.writing() as session:
                disable_entry_until(session, find_list(session, "mine"), number, until)
            found = scanner.scan(drawn(5), content_id="post/1")
            assert type(found).__name__ == outcome
        with database.writing() as session:
            later = NOW + timedelta(days=1)
            disable_entry_until(session, find_list(session, "mine"), number, later)
        # What other entries match is matched all the same.
        assert type(scanner.scan(drawn(1), content_id="post/2")).__name__ == "Matched"


def test_an_own_list_is_neither_imported_nor_synced(database: Database, number: int) -> None:
    with pytest.raises(InputError, match="your own"):
        import_text(database, "mine", list_of(1))
    with pytest.raises(InputError, match="kind own"):
        sync_list(database, "mine", MadeSource([]))
    assert _active(database) == 2


@pytest.mark.parametrize("share", [0, 1, 31, 63, 193, 256])
def test_the_hash_of_a_uniform_picture_is_not_added(
    database: Database, number: int, share: int
) -> None:
    value = ((1 << share) - 1).to_bytes(32)
    with pytest.raises(InputError, match="uniform"):
        add_hashes(database, "mine", [replace(PDQ, value=value)])
    assert _active(database) == 2


def test_drawn_pictures_are_added(database: Database, number: int) -> None:
    for seed in range(20, 40):
        add_hashes(database, "mine", [hashes_of(seed, "pdq")["pdq"]])


def test_a_revived_own_list_is_empty(database: Database, number: int) -> None:
    with database.writing() as session:
        remove_list(session, "mine")
        create_list(session, "mine", kind=OWN)
    assert _entry(database, number) is None
    with database.writing() as session:
        add_entry(session, find_list(session, "mine"), {"pdq": PDQ.value}, "")
    assert _active(database) == 1
