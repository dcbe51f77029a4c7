"""Incremental deliveries: they touch only the entries that they name."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest

from hashmatch.errors import (
    SourceError,
)
from hashmatch.lists import (
    ListSource,
    sync_list,
)
from hashmatch.lists.delivery import DeliveredItem, EntryUpdate
from hashmatch.lists.formats import BadRow, RawRow
from hashmatch.lists.sources import Checkpoint, Fetch
from hashmatch.store.engine import Database
from tests.lists.sources import MadeSource, active_numbers

# A source, and a way to change what it holds.
Opened: TypeAlias = AbstractContextManager[tuple[ListSource, Callable[[bytes], None]]]


def _row(line: int, number: int, entry_id: str, algorithm: str = "md5") -> RawRow:
    return RawRow(line, algorithm, f"{number:0{40 if algorithm == 'sha1' else 32}x}", entry_id)


def test_an_incremental_delivery_touches_only_the_entries_that_it_names(database: Database) -> None:
    first: list[DeliveredItem] = [
        _row(1, 1, "a"), _row(1, 11, "a", "sha1"), EntryUpdate(1, "a", ""),
        _row(2, 2, "b"), EntryUpdate(2, "b", ""),
        _row(3, 3, "c"), EntryUpdate(3, "c", ""),
    ]  # fmt: skip
    second: list[DeliveredItem] = [
        _row(1, 1, "a"), EntryUpdate(1, "a", ""),  # its SHA-1 is gone
        EntryUpdate(2, "b", ""),  # withdrawn
        EntryUpdate(3, "never seen", ""),
        _row(4, 4, "d"), EntryUpdate(4, "d", ""),
    ]  # fmt: skip
    assert sync_list(database, "one", MadeSource(first)).counts.added == 4
    counts = sync_list(database, "one", MadeSource(first, second)).counts
    assert (counts.added, counts.withdrawn) == (1, 2)
    assert active_numbers(database) == [1, 3, 4]
    assert sync_list(database, "one", MadeSource(first, second)).outcome == "unchanged"
    sync_list(database, "one", MadeSource(first, second, [EntryUpdate(1, "a", "")]))
    assert active_numbers(database) == [3, 4]


def test_the_newest_update_of_an_entry_counts_in_any_order(
    database: Database,
) -> None:
    items: list[DeliveredItem] = [
        _row(1, 2, "a"), EntryUpdate(1, "a", "2026-01-02"),
        _row(2, 1, "a"), EntryUpdate(2, "a", "2026-01-01"),
        EntryUpdate(3, "b", "2026-01-02"),
        _row(4, 3, "b"), EntryUpdate(4, "b", "2026-01-01"),
        _row(5, 4, "c"), EntryUpdate(5, "c", "2026-01-01"),
        _row(6, 5, "c"), EntryUpdate(6, "c", "2026-01-01"),
    ]  # fmt: skip
    sync_list(database, "one", MadeSource(items))
    assert active_numbers(database) == [2, 5]


def test_a_damaged_record_of_an_incremental_delivery_withdraws_nothing_of_its_entry(
    database: Database,
) -> None:
    sync_list(database, "one", MadeSource([_row(1, 1, "a"), EntryUpdate(1, "a", "")]))
    bad: list[DeliveredItem] = [
        RawRow(1, "md5", "zz", "a"),
        EntryUpdate(1, "a", ""),
        BadRow(2, "?"),
    ]
    facts = sync_list(database, "one", MadeSource([], bad))
    assert (facts.outcome, facts.rejected_rows, active_numbers(database)) == ("unchanged", 2, [1])


def test_the_deliveries_before_a_failure_stay_and_are_not_asked_for_again(
    database: Database,
) -> None:
    class Breaking(MadeSource):
        def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
            yield from super().fetch(checkpoint, is_empty=is_empty)
            raise SourceError("it broke")

    deliveries: list[list[DeliveredItem]] = [
        [_row(1, number, f"e{number}"), EntryUpdate(1, f"e{number}", "")] for number in range(3)
    ]
    with pytest.raises(SourceError):
        sync_list(database, "one", Breaking(*deliveries[:2]))
    assert active_numbers(database) == [0, 1]
    assert sync_list(database, "one", MadeSource(*deliveries)).counts.added == 1
