"""The active entries, as the index loads them and as a match explains them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from .lists import shown_entry_id
from .models import Entry, HashList

_ROWS_A_BATCH = 50_000
_KEYS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """Some active entries of one algorithm, in columns: keys, the keys of their lists, values."""

    algorithm: str
    keys: Sequence[int]
    list_keys: Sequence[int]
    values: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What a match has to say of its entry. `entry_id` is as shown to people, never empty."""

    key: int
    list_key: int
    entry_id: str
    category: str


def read_active_entries(session: Session) -> Iterator[EntryBatch]:
    """Yield all entries that can match, batch by batch."""
    query = (
        select(Entry.algorithm, Entry.key, Entry.list_key, Entry.value)
        .join(HashList, HashList.key == Entry.list_key)
        .where(Entry.withdrawn_generation.is_(None), HashList.removed_at.is_(None))
    )
    algorithms = session.scalars(select(Entry.algorithm).distinct()).all()
    for algorithm in algorithms:
        rows = session.execute(
            query.where(Entry.algorithm == algorithm),
            execution_options={"yield_per": _ROWS_A_BATCH},
        )
        for batch in rows.partitions():
            _, keys, list_keys, values = zip(*batch, strict=True)
            yield EntryBatch(algorithm, keys, list_keys, values)


def read_entry_facts(session: Session, keys: Sequence[int]) -> dict[int, EntryFacts]:
    """Return the facts of those of the entries that are still active, by key."""
    facts: dict[int, EntryFacts] = {}
    for some in _chunks(keys):
        rows = session.execute(
            select(Entry.key, Entry.list_key, Entry.entry_id, Entry.category).where(
                Entry.key.in_(some), Entry.withdrawn_generation.is_(None)
            )
        )
        for key, list_key, entry_id, category in rows:
            facts[key] = EntryFacts(key, list_key, shown_entry_id(entry_id, key), category)
    return facts


def _chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), _KEYS_A_QUERY):
        yield keys[start : start + _KEYS_A_QUERY]
