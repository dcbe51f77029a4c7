"""Sources of deliveries that a test makes, and their effect on the store."""

from __future__ import annotations

from collections.abc import Generator

from sqlalchemy import select

from hashmatch.lists import ListSource
from hashmatch.lists.delivery import DeliveredItem, Delivery
from hashmatch.lists.sources import Checkpoint, Fetch
from hashmatch.store.engine import Database
from hashmatch.store.lists import are_listed
from hashmatch.store.schema.lists import Entry, HashList


class MadeSource(ListSource):
    """A source that sends these incremental deliveries, one after the other."""

    def __init__(self, *deliveries: list[DeliveredItem]) -> None:
        self._deliveries = deliveries

    @property
    def name(self) -> str:
        return "made"

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        begin = checkpoint.get("number", 0)
        for number, items in enumerate(self._deliveries[begin:], start=begin + 1):
            yield Fetch(Delivery(items, "record", is_full=False), {"number": number})


def active_numbers(database: Database) -> list[int]:
    """Return the values of the active entries as numbers."""
    with database.reading() as session:
        values = session.scalars(select(Entry.value).join(HashList).where(are_listed()))
        return sorted(int.from_bytes(value, "big") for value in values)
