"""Entries, as the index loads them and as lists count them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import ColumnElement, Row, exists, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from ..schema import Entry, HashList

_ROWS_A_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """Active entries of one algorithm, in columns: keys, the keys of their lists, values."""

    algorithm: str
    keys: Sequence[int]
    list_keys: Sequence[int]
    values: Sequence[bytes]


def read_new_entries(
    session: Session, known_keys: Mapping[int, int | None]
) -> Iterator[EntryBatch]:
    """Yield the active entries of these lists that are not known yet.

    `known_keys` gives by list key the highest known entry key, None where none is known: within a
    list, newer entries have higher keys.
    """
    after = {
        list_key: _key_before(session, list_key) if known is None else known
        for list_key, known in known_keys.items()
    }
    # The sum keeps the database from reading all of a long list's index for its newest entries.
    rows = session.execute(
        select(Entry.algorithm, Entry.key, Entry.list_key, Entry.value)
        .where(
            Entry.key > min(after.values(), default=0),
            (Entry.list_key + 0).in_(after),
            Entry.withdrawn_generation.is_(None),
        )
        .order_by(Entry.key),
        execution_options={"yield_per": _ROWS_A_BATCH},
    )
    for batch in rows.partitions():
        new = (row for row in batch if row[1] > after[row[2]])
        for algorithm, some in groupby(new, itemgetter(0)):
            _, keys, list_keys, values = zip(*some, strict=True)
            yield EntryBatch(algorithm, keys, list_keys, values)


def read_withdrawn_keys(
    session: Session, list_key: int, after_generation: int
) -> dict[str, list[int]]:
    """Return the keys, by algorithm, of entries active at that generation of a list and not now."""
    rows = session.execute(
        select(Entry.algorithm, Entry.key).where(
            Entry.list_key == list_key,
            Entry.withdrawn_generation > after_generation,
            Entry.added_generation <= after_generation,
        )
    )
    withdrawn: defaultdict[str, list[int]] = defaultdict(list)
    for algorithm, key in rows:
        withdrawn[algorithm].append(key)
    return withdrawn


@dataclass(frozen=True, slots=True)
class EntryHash:
    """An entry's own id, as its licensor wrote it, and its hash."""

    entry_id: str
    algorithm: str
    value: bytes


def find_entry(session: Session, key: int) -> EntryHash | None:
    """Return an entry, active or not; None where it was deleted."""
    entry = session.get(Entry, key)
    return None if entry is None else EntryHash(entry.entry_id, entry.algorithm, entry.value)


def _key_before(session: Session, list_key: int) -> int:
    """Return a key below those of all active entries of the list."""
    first = select(func.min(Entry.key)).where(
        Entry.list_key == list_key, Entry.withdrawn_generation.is_(None)
    )
    return (session.scalar(first) or 1) - 1


def count_active_entries(session: Session) -> Sequence[Row[str, str, int]]:
    """Return (list name, algorithm, active entries), for every pair that has any."""
    return session.execute(
        select(HashList.name, Entry.algorithm, func.count())
        .join(Entry, Entry.list_key == HashList.key)
        .where(Entry.withdrawn_generation.is_(None), HashList.removed_at.is_(None))
        .group_by(HashList.name, Entry.algorithm)
        .order_by(HashList.name, Entry.algorithm)
    ).all()


def count_distinct_hashes(session: Session, list_key: int, algorithm: str) -> int:
    """Return the number of different active hashes of a list and algorithm."""
    values = select(Entry.value).where(
        Entry.list_key == list_key,
        Entry.algorithm == algorithm,
        Entry.withdrawn_generation.is_(None),
    )
    return session.scalar(select(func.count()).select_from(values.distinct().subquery())) or 0


def count_entries_without(session: Session, list_key: int, algorithms: Sequence[str]) -> int:
    """Return the number of active entries of a list that have no hash of any of the algorithms.

    A row without the licensor's id is an entry by itself.
    """
    other = aliased(Entry)
    active = (Entry.list_key == list_key, Entry.withdrawn_generation.is_(None))
    has_one = exists().where(
        other.list_key == list_key,
        other.withdrawn_generation.is_(None),
        other.entry_id != literal_column("''"),
        other.entry_id == Entry.entry_id,
        other.algorithm.in_(algorithms),
    )
    without = (*active, Entry.algorithm.not_in(algorithms))
    named = select(func.count(Entry.entry_id.distinct())).where(*without, is_named(), ~has_one)
    unnamed = select(func.count()).select_from(Entry).where(*without, Entry.entry_id == "")
    return (session.scalar(named) or 0) + (session.scalar(unnamed) or 0)


def shown_entry_id(entry_id: str, key: int) -> str:
    """Return the licensor's id of an entry, or "#" and its key where the licensor gave none."""
    return entry_id or f"#{key}"


def is_named() -> ColumnElement[bool]:
    """Say that the licensor gave the entry an id, in the terms of the index of such entries."""
    return Entry.entry_id != literal_column("''")
