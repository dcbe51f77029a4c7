"""Promotion: unsupported hashes become entries once an installed package supports them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list, find_promotable, read_unsupported
from hashmatch.store.schema import HashList

from .applying import Oversight
from .delivery import DeliveredItem, Delivery, PromotedHash
from .formats import RawRow
from .importing import ImportSummary, apply_delivery


def promote_supported(database: Database) -> list[ImportSummary]:
    """Promote unsupported hashes whose algorithm is supported now to entries, list by list.

    Costs a few small queries where there are none. Raises `StoreError`.
    """
    with database.reading() as session:
        found = find_promotable(session, ALGORITHMS)
    return [_promote(database, name, ALGORITHMS[one]) for name, one in found]


def _promote(database: Database, name: str, algorithm: Algorithm) -> ImportSummary:
    with database.reading() as reader:
        # Incremental and without updates of entries: it adds hashes and withdraws no entry.
        items = _rows(reader, find_list(reader, name), algorithm)
        return apply_delivery(
            database,
            name,
            Delivery(items, "row", is_full=False),
            source=f"{algorithm.name} hashes are supported now",
            oversight=Oversight(),
        )


def _rows(session: Session, row: HashList, algorithm: Algorithm) -> Iterator[DeliveredItem]:
    """Yield the well-formed hashes as rows, with the withdrawal of the unsupported ones."""
    for key, one in read_unsupported(session, row, algorithm.name):
        # Nothing checked the values when they were stored; malformed ones stay unsupported.
        try:
            algorithm.parse(one.value)
        except InputError:
            continue
        tags = tuple(json.loads(one.tags))
        yield PromotedHash(key, algorithm.name)
        yield RawRow(
            key, one.algorithm, one.value, one.entry_id, one.category, tags, one.added_at, one.note
        )
