"""Stores with made-up entries for tests of the index, and the right answers about them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sqlalchemy import select

from hashmatch.index import LiveIndex, Snapshot
from hashmatch.store.engine import Database
from hashmatch.store.lists import disable_entries
from hashmatch.store.schema.lists import Entry, HashList
from tests import oracle
from tests.store.importing import import_text

BYTES = 32


def value_of(number: int) -> bytes:
    """Return a made-up PDQ value; numbers of one ten lie a few bits apart."""
    value = bytearray(random.Random(number // 10).randbytes(BYTES))
    value[number % 10] ^= 0x11
    return bytes(value)


def fill(database: Database, name: str, numbers: Sequence[int]) -> None:
    """Replace a list by these values."""
    rows = "".join(f"pdq,{value_of(one).hex()},e{one}\n" for one in numbers)
    import_text(database, name, "algorithm,value,entry_id\n" + rows)


def disable(database: Database, name: str, numbers: Sequence[int]) -> None:
    """Take values out of a list as an operator does."""
    with database.writing() as session:
        disable_entries(session, name, [f"e{one}" for one in numbers])


def expected(database: Database, query: bytes, threshold_bits: int) -> list[tuple[int, int]]:
    """Return the (distance, entry key) pairs that a look at every row of the store finds."""
    with database.reading() as session:
        rows = session.execute(
            select(Entry.value, Entry.key)
            .join(HashList, HashList.key == Entry.list_key)
            .where(Entry.withdrawn_generation.is_(None), HashList.removed_at.is_(None))
        ).all()
    near = oracle.near([row.value for row in rows], query, threshold_bits)
    return sorted((distance, rows[place].key) for distance, place in near)


def found(snapshot: Snapshot, query: bytes, threshold_bits: int) -> list[tuple[int, int]]:
    """Return the same, of the index."""
    (neighbours,) = snapshot.search_many("pdq", [query], threshold_bits)
    return [(one.distance_bits, one.entry_key) for one in neighbours]


def assert_right(live: LiveIndex, database: Database) -> None:
    """Compare the answers of an index with those of the store, for queries near entries."""
    snapshot = live.snapshot()
    for number in (3, 14, 25, 36, 999):
        query = value_of(number)
        assert found(snapshot, query, 31) == expected(database, query, 31)
