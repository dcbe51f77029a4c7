"""Promotion: unsupported hashes become entries once an installed package supports them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import drop_unsupported, find_promotable, read_unsupported
from hashmatch.store.schema import HashList

from .delivery import Delivery
from .formats import RawRow
from .importing import ImportSummary, Oversight, apply_delivery


def promote_supported(database: Database) -> list[ImportSummary]:
    """Promote unsupported hashes whose algorithm is supported now to entries, list by list.

    Costs a few small queries where there are none. Raises `StoreError`.
    """
    with database.reading() as session:
        found = find_promotable(session, ALGORITHMS)
    return [_promote(database, name, list_key, ALGORITHMS[one]) for name, list_key, one in found]


def _promote(database: Database, name: str, list_key: int, algorithm: Algorithm) -> ImportSummary:
    with database.reading() as reader:
        promoted: list[int] = []
        # Incremental and without updates of entries: it adds hashes and withdraws nothing.
        delivery = Delivery(_rows(reader, list_key, algorithm, promoted), "row", is_full=False)
        return apply_delivery(
            database,
            name,
            delivery,
            source=f"{algorithm.name} hashes are supported now",
            oversight=_PromotionOversight(promoted),
        )


def _rows(
    session: Session, list_key: int, algorithm: Algorithm, promoted: list[int]
) -> Iterator[RawRow]:
    """Yield the well-formed hashes as rows, and add their keys to `promoted`."""
    for key, row in read_unsupported(session, list_key, algorithm.name):
        # Nothing checked the values when they were stored; malformed ones stay unsupported.
        try:
            algorithm.parse(row.value)
        except InputError:
            continue
        promoted.append(key)
        tags = tuple(json.loads(row.tags))
        yield RawRow(
            key, row.algorithm, row.value, row.entry_id, row.category, tags, row.added_at, row.note
        )


class _PromotionOversight(Oversight):
    def __init__(self, keys: list[int]) -> None:
        self._keys = keys

    def applied(self, session: Session, row: HashList) -> None:
        """Delete the unsupported hashes, which are entries now."""
        drop_unsupported(session, self._keys)
