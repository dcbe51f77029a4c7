"""All lists as one look-up that follows the store: what the pipeline asks for matches."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError
from hashmatch.hashes import Algorithm, Kind
from hashmatch.store import Database, EntryBatch, ListState, read_active_entries, read_lists

from .exact import ExactIndex
from .flat import FlatIndex
from .interface import Index, Neighbour

_INDEX_OF_KIND: dict[Kind, type[ExactIndex | FlatIndex]] = {
    Kind.EXACT: ExactIndex,
    Kind.PERCEPTUAL: FlatIndex,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lists and their entries as they stood together at one moment."""

    lists: tuple[ListState, ...]
    indexes: Mapping[str, Index]

    def search(self, algorithm: str, value: bytes, threshold_bits: int) -> list[Neighbour]:
        """Return the entries of all lists within the threshold; none where no list has any."""
        index = self.indexes.get(algorithm)
        return [] if index is None else index.search(value, threshold_bits)

    def has_entries(self) -> bool:
        """Say whether any list has any entry."""
        return any(one.active_entries for one in self.lists)


class LiveIndex:
    """Keeps a snapshot that is never older than the store.

    Asking costs one small query; entries are read again only when a list has changed.
    """

    def __init__(self, database: Database, algorithms: Mapping[str, Algorithm]) -> None:
        self._database = database
        self._algorithms = algorithms
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Return the lists as they stand now. Raises `StoreError`."""
        with self._lock, self._database.reading() as session:
            lists = read_lists(session)
            held = self._snapshot
            if held is None or _versions(held.lists) != _versions(lists):
                held = Snapshot(lists, _load_indexes(session, self._algorithms))
            else:
                held = Snapshot(lists, held.indexes)
            self._snapshot = held
            return held


def _versions(lists: Sequence[ListState]) -> list[tuple[int, int, datetime]]:
    # With the time, since a store that was restored from a copy counts its generations again.
    return [(one.key, one.generation, one.changed_at) for one in lists]


@dataclass(slots=True)
class _Columns:
    keys: list[int] = field(default_factory=list)
    list_keys: list[int] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    lengths: set[int] = field(default_factory=set)

    def extend(self, batch: EntryBatch) -> None:
        self.keys.extend(batch.keys)
        self.list_keys.extend(batch.list_keys)
        self.values.append(b"".join(batch.values))
        self.lengths.update(map(len, batch.values))


def _load_indexes(session: Session, algorithms: Mapping[str, Algorithm]) -> dict[str, Index]:
    columns: defaultdict[str, _Columns] = defaultdict(_Columns)
    for batch in read_active_entries(session):
        columns[batch.algorithm].extend(batch)
    if unknown := sorted(columns.keys() - algorithms.keys()):
        raise StoreError(
            f"the lists hold {', '.join(unknown)} hashes, which this installation cannot match",
            hint="Install what brings that algorithm, or remove the list.",
        )
    return {name: _build(algorithms[name], read) for name, read in columns.items()}


def _build(algorithm: Algorithm, columns: _Columns) -> Index:
    if columns.lengths != {algorithm.bits // 8}:
        raise StoreError(
            f"the store holds {algorithm.name} values of a wrong length",
            hint="Run 'hashmatch db check', then remove the list and import it again.",
        )
    values = np.frombuffer(b"".join(columns.values), np.uint8)
    values = values.reshape(len(columns.keys), algorithm.bits // 8)
    return _INDEX_OF_KIND[algorithm.kind](columns.keys, columns.list_keys, values)
