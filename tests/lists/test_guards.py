"""Guards: a delivery that would empty the protection or flood it waits for a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from hashmatch.config import GuardSettings, Settings
from hashmatch.errors import NotFoundError, SyncLeaseError
from hashmatch.lists import (
    FileSource,
    accept_delivery,
    find_format,
    reject_delivery,
    sync_list,
    view_quarantine,
)
from hashmatch.lists.delivery import DeliveredItem, EntryUpdate
from hashmatch.lists.formats import RawRow
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    SyncFacts,
    count_unsupported,
    disable_entries,
    find_list,
    lease_sync,
    quarantine_delivery,
    remove_list,
)
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.lists import ListSync, QuarantinedDelivery, QuarantinedRow
from tests.lists.sources import MadeSource, active_numbers
from tests.store.importing import import_text

HEADER = "algorithm,value,entry_id,category\n"


def _text(numbers: Iterable[int], algorithm: str = "md5") -> str:
    digits = 64 if algorithm == "pdq" else 32
    rows = [f"{algorithm},{number:0{digits}x},e{number},A\n" for number in numbers]
    return HEADER + "".join(rows)


class _File:
    """A list that is a file, synced under guards."""

    def __init__(self, database: Database, folder: Path, **guards: object) -> None:
        self.database = database
        self.path = folder / "list.csv"
        self.settings = Settings(guards=GuardSettings.model_validate({"least_changes": 2} | guards))

    def sync(self, text: str | None = None) -> SyncFacts:
        if text is not None:
            self.path.write_text(text)
        return sync_list(self.database, "one", FileSource(self.path, find_format), self.settings)

    @property
    def numbers(self) -> list[int]:
        return active_numbers(self.database)


def _count(database: Database, table: type[QuarantinedDelivery] | type[QuarantinedRow]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (range(70), "withdraws 30 of 100 entries, more than 20%"),
        (range(500), "from 100 to 500 entries, more than 3 times"),
    ],
)
def test_a_delivery_that_changes_too_much_is_quarantined_until_it_is_accepted(
    database: Database, tmp_path: Path, numbers: range, words: str
) -> None:
    file = _File(database, tmp_path)
    assert file.sync(_text(range(100))).outcome == "changed"
    facts = file.sync(_text(numbers))
    assert facts.outcome == "quarantined"
    assert words in facts.cause
    assert file.numbers == list(range(100))
    view = view_quarantine(database, "one", limit=10_000)
    kinds = {one.kind for one in view.differences}
    assert kinds == {"withdrawn" if len(numbers) < 100 else "added"}
    assert len(view.differences) == abs(len(numbers) - 100)
    assert {one.entry_id for one in view.differences} == {
        f"e{number}" for number in set(numbers) ^ set(range(100))
    }
    done = accept_delivery(database, "one", view.quarantine.number)
    assert (done.added, done.withdrawn) == (
        view.quarantine.counts.added,
        view.quarantine.counts.withdrawn,
    )
    assert file.numbers == list(numbers)
    assert file.sync().outcome == "unchanged"
    assert _count(database, QuarantinedDelivery) == _count(database, QuarantinedRow) == 0


def test_small_changes_and_a_first_delivery_are_not_quarantined(
    database: Database, tmp_path: Path
) -> None:
    file = _File(database, tmp_path, least_changes=0)
    for numbers in (range(100), range(20, 100), range(20, 250), range(20, 250)):
        assert file.sync(_text(numbers)).outcome in ("changed", "unchanged")
    file = _File(database, tmp_path, least_changes=100)
    assert file.sync(_text(range(20, 150))).outcome == "changed"


def test_the_same_delivery_is_quarantined_under_the_same_number_and_better_ones_are_applied(
    database: Database, tmp_path: Path
) -> None:
    file = _File(database, tmp_path)
    file.sync(_text(range(100)))
    file.sync(_text(range(5)))
    number = view_quarantine(database, "one", limit=1).quarantine.number
    assert file.sync().outcome == "quarantined"
    assert view_quarantine(database, "one", limit=1).quarantine.number == number
    assert file.sync(_text(range(6))).outcome == "quarantined"
    with pytest.raises(NotFoundError, match=f"has no pending delivery {number}"):
        accept_delivery(database, "one", number)
    assert file.sync(_text(range(1, 101))).outcome == "changed"
    assert file.numbers == list(range(1, 101))
    with pytest.raises(NotFoundError, match="list one has no quarantined delivery"):
        view_quarantine(database, "one", limit=1)
    assert _count(database, QuarantinedRow) == 0


def test_a_rejected_delivery_leaves_nothing_but_its_mark(
    database: Database, tmp_path: Path
) -> None:
    file = _File(database, tmp_path)
    file.sync(_text(range(100)))
    file.sync(_text(range(5)))
    number = view_quarantine(database, "one", limit=1).quarantine.number
    reject_delivery(database, "one", number)
    assert _count(database, QuarantinedRow) == 0
    again = file.sync()
    assert (again.outcome, again.cause.endswith("; rejected")) == ("quarantined", True)
    assert file.numbers == list(range(100))
    with pytest.raises(NotFoundError):
        accept_delivery(database, "one", number)
    assert file.sync(_text(range(101))).outcome == "changed"


def test_changes_since_the_quarantine_still_count_when_a_delivery_is_accepted(
    database: Database, tmp_path: Path
) -> None:
    file = _File(database, tmp_path)
    file.sync(_text(range(10)))
    file.sync(_text(range(1, 100)))
    with database.writing() as session:
        disable_entries(session, "one", ["e5"])
    number = view_quarantine(database, "one", limit=1).quarantine.number
    with database.writing() as session:
        lease_sync(session, find_list(session, "one"), "somebody", 60)
    with pytest.raises(SyncLeaseError):
        accept_delivery(database, "one", number)
    with database.writing() as session:
        lease_sync(session, find_list(session, "one"), "somebody", -1)
    done = accept_delivery(database, "one", number)
    assert done.disabled == 1
    assert file.numbers == [*range(1, 5), *range(6, 100)]


def test_a_process_that_lost_the_lease_leaves_the_quarantined_delivery_of_another(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _File(database, tmp_path)
    file.sync(_text(range(100)))

    def stand_still(*arguments: Any, **more: Any) -> object:
        monkeypatch.undo()
        with database.writing() as session:
            session.execute(update(ListSync).values(leased_until=utc_now() - timedelta(hours=1)))
        assert file.sync(_text(range(60))).outcome == "quarantined"
        return quarantine_delivery(*arguments, **more)

    monkeypatch.setattr("hashmatch.lists.syncing.quarantine_delivery", stand_still)
    with pytest.raises(SyncLeaseError, match="longer than its lease"):
        file.sync(_text(range(50)))
    assert view_quarantine(database, "one", limit=0).quarantine.counts.withdrawn == 40


def test_a_removal_ends_the_quarantine_of_a_delivery(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _File(database, tmp_path)
    file.sync(_text(range(100)))

    def remove(*_: object) -> None:
        monkeypatch.undo()
        with database.writing() as session:
            remove_list(session, "one")

    monkeypatch.setattr("hashmatch.store.lists.quarantine.delete_hidden", remove)
    with pytest.raises(SyncLeaseError, match="the list was removed"):
        file.sync(_text(range(50)))
    assert _count(database, QuarantinedDelivery) == _count(database, QuarantinedRow) == 0


@pytest.mark.parametrize("by_hand", [True, False])
def test_importing_by_hand_and_removing_discard_the_quarantined_delivery(
    database: Database, tmp_path: Path, by_hand: bool
) -> None:
    file = _File(database, tmp_path)
    file.sync(_text(range(100)))
    file.sync(_text(range(5)))
    if by_hand:
        import_text(database, "one", _text(range(3)))
        assert file.numbers == [0, 1, 2]
    else:
        with database.writing() as session:
            remove_list(session, "one")
    assert _count(database, QuarantinedDelivery) == _count(database, QuarantinedRow) == 0


def test_unsupported_hashes_and_updates_of_entries_survive_the_quarantine(
    database: Database,
) -> None:
    first: list[DeliveredItem] = []
    for number in range(10):
        first += [
            RawRow(number, "md5", f"{number:032x}", f"e{number}"),
            RawRow(number, "photodna", f"old{number}", f"e{number}"),
            EntryUpdate(number, f"e{number}", ""),
        ]
    second: list[DeliveredItem] = [EntryUpdate(number, f"e{number}", "") for number in range(7)]
    second += [
        RawRow(7, "md5", "zz", "e7"),  # damaged: it is retained
        RawRow(7, "photodna", "new7", "e7"),
        EntryUpdate(7, "e7", ""),
    ]
    settings = Settings(guards=GuardSettings(least_changes=0))
    sync_list(database, "one", MadeSource(first), settings)
    assert sync_list(database, "one", MadeSource(first, second), settings).outcome == "quarantined"
    with database.reading() as session:
        assert count_unsupported(session)["one"]["photodna"] == 10
    accept_delivery(database, "one", view_quarantine(database, "one", limit=1).quarantine.number)
    assert active_numbers(database) == [7, 8, 9]
    with database.reading() as session:
        assert count_unsupported(session)["one"]["photodna"] == 4  # e7's old one is retained, too
    assert sync_list(database, "one", MadeSource(first, second), settings).outcome == "unchanged"


def test_the_deliveries_of_one_sync_count_together(database: Database) -> None:
    first: list[DeliveredItem] = [RawRow(n, "md5", f"{n:032x}", f"e{n}") for n in range(100)]
    first += [EntryUpdate(n, f"e{n}", "") for n in range(100)]
    later: list[list[DeliveredItem]] = [
        [EntryUpdate(n, f"e{n}", "") for n in range(start, start + 15)] for start in (0, 15, 30)
    ]
    settings = Settings(guards=GuardSettings(least_changes=0))
    sync_list(database, "one", MadeSource(first), settings)
    facts = sync_list(database, "one", MadeSource(first, *later), settings)
    assert (facts.outcome, facts.counts.withdrawn) == ("quarantined", 15)
    assert len(active_numbers(database)) == 85


def test_a_quarantined_incremental_delivery_shows_the_changes_that_it_would_make(
    database: Database,
) -> None:
    settings = Settings(guards=GuardSettings(least_changes=0))
    rows: list[DeliveredItem] = []
    for number in range(4):
        rows += [
            RawRow(number, "md5", f"{number:032x}", f"e{number}"),
            EntryUpdate(number, f"e{number}", ""),
        ]
    sync_list(database, "one", MadeSource(rows), settings)
    sync_list(database, "one", MadeSource(rows, [EntryUpdate(1, "e1", "")]), settings)
    view = view_quarantine(database, "one", limit=5)
    assert [(one.kind, one.entry_id) for one in view.differences] == [("withdrawn", "e1")]
