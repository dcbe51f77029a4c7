"""Degenerate hashes: whatever way they come in, they are counted, and they never match."""

from __future__ import annotations

import pytest

from hashmatch.config import GuardSettings, Settings
from hashmatch.errors import InputError, NotFoundError, StoreError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import (
    accept_delivery,
    add_hashes,
    promote_supported,
    sync_list,
    withdraw_known_degenerate,
)
from hashmatch.lists.delivery import DeliveredItem
from hashmatch.lists.formats import RawRow
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    OWN,
    count_active_entries,
    count_degenerate,
    count_disabled,
    count_unsupported,
    create_list,
    disable_entries,
    enable_entries,
    read_lists,
    read_quarantines,
    remove_list,
)
from hashmatch.store.schema import Entry, QuarantinedRow
from tests.lists.sources import MadeSource
from tests.pictures import list_of
from tests.scanning import MakeScanner
from tests.store.importing import import_text

HALF = "f0" * 8
HEADER = "algorithm,value,entry_id,category\n"


def _counts(database: Database) -> dict[str, dict[str, int]]:
    with database.reading() as session:
        found: dict[str, dict[str, int]] = {}
        for name, algorithm, number in count_active_entries(session):
            found.setdefault(name, {})[algorithm] = number
        return found


def _degenerate(database: Database) -> dict[str, dict[str, int]]:
    with database.reading() as session:
        return count_degenerate(session)


@pytest.mark.parametrize(
    ("name", "value"),
    [("pdq", "0" * 64), ("pdq", "f" * 64), ("phash", "8" + "0" * 15), ("ahash", HALF)],
)
def test_an_import_stores_them_and_the_other_hashes_of_the_entry_match(
    database: Database, name: str, value: str
) -> None:
    rows = f"{name},{value},e1,A\nmd5,{'1' * 32},e1,A\n"
    summary = import_text(database, "one", HEADER + rows)
    assert (summary.rows, summary.rejected.count) == (1, 0)
    assert (summary.unsupported, summary.degenerate) == ({}, {name: 1})
    assert _counts(database) == {"one": {"md5": 1}}
    again = import_text(database, "one", HEADER + rows)
    assert (again.comparison.change, again.degenerate) == (None, {name: 1})
    later = import_text(database, "one", HEADER + rows.splitlines()[1])
    assert later.degenerate == {}


def test_they_are_not_promoted_as_unsupported_ones_are(database: Database) -> None:
    import_text(database, "one", HEADER + f"ahash,{HALF},e1,A\n")
    assert promote_supported(database) == []
    assert _degenerate(database) == {"one": {"ahash": 1}}
    with database.reading() as session:
        assert count_unsupported(session) == {}


def test_a_source_that_brings_one_is_no_failure(database: Database) -> None:
    items: list[DeliveredItem] = [
        RawRow(1, "pdq", "0" * 64, "a"),
        RawRow(2, "md5", "1" * 32, "b"),
    ]
    facts = sync_list(database, "one", MadeSource(items))
    assert (facts.counts.added, facts.rejected_rows) == (1, 0)
    assert _degenerate(database) == {"one": {"pdq": 1}}


def test_an_own_list_takes_none(database: Database) -> None:
    with database.writing() as session:
        create_list(session, "mine", kind=OWN)
    for name, value in (("pdq", bytes(32)), ("ahash", bytes.fromhex(HALF))):
        with pytest.raises(InputError, match="uniform picture"):
            add_hashes(database, "mine", [Hash(ALGORITHMS[name], value)])


def test_an_allow_list_may_name_them(database: Database) -> None:
    with database.writing() as session:
        create_list(session, "allowed", kind=ALLOW)
    row = f'algorithm,value,tags,note\nahash,{HALF},"by:Jane",a plain picture\n'
    assert import_text(database, "allowed", row).rows == 1
    assert _degenerate(database) == {}


def _hold_one_of_before(database: Database) -> None:
    """Put a degenerate hash into the list "one", as versions before imported it."""
    with database.writing() as session:
        (row,) = (one for one in read_lists(session) if one.name == "one")
        session.add(
            Entry(
                list_key=row.key,
                algorithm="phash",
                value=bytes.fromhex("80" + "00" * 7),
                entry_id="old",
                added_generation=row.generation,
            )
        )


def test_those_of_before_leave_matching_once_and_are_counted(
    make_scanner: MakeScanner, database: Database
) -> None:
    _hold_one_of_before(database)
    import_text(database, "two", list_of(3))
    with database.writing() as session:
        assert withdraw_known_degenerate(session) == {"one": 1}
    with database.writing() as session:
        assert withdraw_known_degenerate(session) == {}
    assert "phash" not in _counts(database)["one"]
    assert _degenerate(database) == {"one": {"phash": 1}}


def test_those_of_a_list_that_came_back_stay_counted_where_a_delivery_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        import_text(database, "one", list_of(3))
        with database.writing() as session:
            remove_list(session, "one")
    import_text(database, "one", list_of(3))
    _hold_one_of_before(database)
    with database.writing() as session:
        withdraw_known_degenerate(session)
    rows = list_of(3) + f"phash,8{'0' * 15},old,\n"
    with monkeypatch.context() as patched, pytest.raises(StoreError):
        patched.setattr("hashmatch.lists.applying.recount", _fail)
        import_text(database, "one", list_of(3, 4))
    import_text(database, "one", rows)
    assert _degenerate(database) == {"one": {"phash": 1}}


def _fail(*_: object) -> None:
    raise StoreError("the disk is full")


def test_a_disabled_one_of_before_is_not_enabled_any_more(
    make_scanner: MakeScanner, database: Database
) -> None:
    _hold_one_of_before(database)
    with database.writing() as session:
        disable_entries(session, "one", ["old"])
        assert withdraw_known_degenerate(session) == {}
        with pytest.raises(NotFoundError):
            enable_entries(session, "one", ["old"])
        assert count_disabled(session) == {}


def test_a_delivery_that_was_quarantined_before_brings_none(database: Database) -> None:
    first: list[DeliveredItem] = [RawRow(1, "md5", "1" * 32, "e1")]
    second: list[DeliveredItem] = [RawRow(n, "md5", f"{n:032x}", f"e{n}") for n in range(2, 12)]
    settings = Settings(guards=GuardSettings(least_changes=0))
    sync_list(database, "one", MadeSource(first), settings)
    sync_list(database, "one", MadeSource(first, second), settings)
    with database.writing() as session:
        number = read_quarantines(session)["one"].number
        session.add(
            QuarantinedRow(
                delivery_key=number, part="staged", line=2, algorithm="pdq", value=bytes(32),
                entry_id="e2", category="", tags="[]", added_at="", note="",
            )
        )  # fmt: skip
    with database.writing() as session:
        withdraw_known_degenerate(session)
    accept_delivery(database, "one", number)
    assert _counts(database) == {"one": {"md5": 11}}
    assert _degenerate(database) == {"one": {"pdq": 1}}
