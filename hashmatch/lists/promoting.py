"""Promotion: unsupported hashes become entries once an installed package supports them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain

from sqlalchemy.orm import Session

from hashmatch.errors import InputError, SyncLeaseError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list, find_promotable, read_unsupported
from hashmatch.store.schema import HashList

from .applying import Oversight
from .delivery import DeliveredItem, Delivery, PromotedHash
from .formats import RawRow
from .importing import ImportSummary, apply_delivery

_LOOK_AGAIN_S = 0.1


def promote_supported(database: Database) -> list[ImportSummary]:
    """Promote unsupported hashes whose algorithm is supported now to entries, list by list.

    Costs a few small queries where there are none. Waits for others that work on a list, such as a
    process that was started at the same time, as long as for a busy database. Raises `StoreError`,
    and `SyncLeaseError` where they go on.
    """
    with database.reading() as session:
        found = find_promotable(session, ALGORITHMS)
    promoted = [_promote(database, name, ALGORITHMS[one]) for name, one in found]
    return [one for one in promoted if one is not None]


def _promote(database: Database, name: str, algorithm: Algorithm) -> ImportSummary | None:
    """Promote the hashes of a list; None where it has none, or none any more."""
    deadline_s: float | None = None
    while True:
        try:
            return _promote_now(database, name, algorithm)
        except SyncLeaseError:
            # From the first refusal on: what was read before it may have taken longer by itself.
            now_s = time.monotonic()
            deadline_s = now_s + database.busy_timeout_s if deadline_s is None else deadline_s
            if now_s > deadline_s:
                raise
        time.sleep(_LOOK_AGAIN_S)


def _promote_now(database: Database, name: str, algorithm: Algorithm) -> ImportSummary | None:
    with database.reading() as reader:
        row = find_list(reader, name)
        # Incremental and without updates of entries: it adds hashes and withdraws no entry.
        items = _rows(reader, row, algorithm)
        # Malformed ones stay, and are no reason to wait for anybody.
        if (first := next(items, None)) is None:
            return None
        items = chain([first], items)
        return apply_delivery(
            database,
            name,
            Delivery(items, "row", is_full=False),
            source=f"{algorithm.name} hashes are supported now",
            oversight=_Promotion(row.generation),
        )


class _Promotion(Oversight):
    """Oversight of a promotion, of hashes that were read at a generation of their list."""

    def __init__(self, generation: int) -> None:
        self._generation = generation

    def begin(self, session: Session, row: HashList) -> None:
        """Check that they are still there: others may have promoted them, or applied a delivery."""
        if row.generation != self._generation:
            raise SyncLeaseError(
                f"list {row.name} was changed while its unsupported hashes were read",
                hint="Nothing was changed by this process; try again.",
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
