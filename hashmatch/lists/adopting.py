"""Hashes that were only kept become entries once something that is installed can match them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import drop_kept, find_matchable, read_kept
from hashmatch.store.schema import HashList

from .delivery import Delivery
from .formats import RawRow
from .importing import ImportSummary, Oversight, take_delivery


def adopt_kept(database: Database) -> list[ImportSummary]:
    """Match from now on with what was only kept, list by list; the rest stays kept.

    Costs a few small queries where there is nothing to do. Raises `StoreError`.
    """
    with database.reading() as session:
        found = find_matchable(session, ALGORITHMS)
    return [_adopt(database, name, list_key, ALGORITHMS[one]) for name, list_key, one in found]


def _adopt(database: Database, name: str, list_key: int, algorithm: Algorithm) -> ImportSummary:
    with database.reading() as reader:
        adopted: list[int] = []
        delivery = Delivery(_rows(reader, list_key, algorithm, adopted), "row", is_whole=False)
        return take_delivery(
            database,
            name,
            delivery,
            source=f"{algorithm.name} hashes can be matched now",
            oversight=_Dropping(adopted),
        )


def _rows(
    session: Session, list_key: int, algorithm: Algorithm, adopted: list[int]
) -> Iterator[RawRow]:
    """Yield the kept hashes that are written as they should be, and note their keys."""
    for key, row in read_kept(session, list_key, algorithm.name):
        try:
            algorithm.parse(row.value)
        except InputError:
            continue
        adopted.append(key)
        tags = tuple(json.loads(row.tags))
        yield RawRow(
            key, row.algorithm, row.value, row.entry_id, row.category, tags, row.added_at, row.note
        )


class _Dropping(Oversight):
    def __init__(self, keys: list[int]) -> None:
        self._keys = keys

    def taken(self, session: Session, row: HashList) -> None:
        """They are entries now, and kept no longer."""
        drop_kept(session, self._keys)
