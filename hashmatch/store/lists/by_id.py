"""Active entries of a list by their ids, as they are shared with others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from ..engine import among_named, as_table, is_sqlite
from ..schema import Entry, EntryChange, HashList
from .entries import ListState, is_listed_in
from .entries import is_named as has_id

# Words of entries that are decoded once: nearly all entries of a list have the same few.
_CACHED_WORDS = 4_096
# To build a statement takes longer than to execute it.
_CACHED_QUERIES = 64
_CHOSEN = "chosen ids or keys"


def shared_id(entry_id: str, key: int) -> str:
    """Return the id that an entry is shared by: its licensor's, or "#" and its key.

    A licensor's that begins like that has another "#" before it.
    """
    if not entry_id:
        return f"#{key}"
    return f"#{entry_id}" if entry_id.startswith("#") else entry_id


def _licensors_id(own_id: str) -> str:
    return own_id.removeprefix("#") if own_id.startswith("##") else own_id


@dataclass(slots=True)
class EntryHashes:
    """All active hashes of an entry, by algorithm, and when it was added by its licensor's word."""

    added_at: str
    hashes: dict[str, list[bytes]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class EntryWords:
    """Categories and tags of all active hashes of an entry, each in order, as JSON arrays."""

    categories: str
    tags: str


def read_active_words(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int] = ()
) -> dict[str, EntryWords]:
    """Return the words of the active entries with these ids, or keys where they have none."""
    found = defaultdict[str, set[tuple[str, str]]](set)
    for entry_id, key, category, tags in _active(session, row, ids, keys, ("category", "tags")):
        found[shared_id(entry_id, key)].add((category, tags))
    return {own_id: _words(frozenset(pairs)) for own_id, pairs in found.items()}


@lru_cache(_CACHED_WORDS)
def _words(pairs: frozenset[tuple[str, str]]) -> EntryWords:
    tags = {one for _, text in pairs for one in json.loads(text)}
    return EntryWords(json.dumps(sorted({one for one, _ in pairs})), json.dumps(sorted(tags)))


def read_active_hashes(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int] = ()
) -> dict[str, EntryHashes]:
    """Return the active entries with these ids, or keys where they have none, by the id shared."""
    found: dict[str, EntryHashes] = {}
    facts = ("added_at", "algorithm", "value")
    rows = sorted(_active(session, row, ids, keys, facts), key=itemgetter(1))
    for entry_id, key, added_at, algorithm, value in rows:
        own_id = shared_id(entry_id, key)
        if (of_id := found.get(own_id)) is None:
            of_id = found[own_id] = EntryHashes(added_at)
        of_id.hashes.setdefault(algorithm, []).append(value)
    return found


def _active(
    session: Session,
    row: HashList,
    ids: Collection[str],
    keys: Collection[int],
    facts: tuple[str, ...],
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Yield id, key and some facts of hashes, in columns: objects cost several times as much."""
    state, of_sqlite = ListState.of(row), is_sqlite(session)
    # Below the session, which takes as long over a row as the database.
    connection = session.connection()
    if ids:
        query = _query(state, facts, is_named=True, of_sqlite=of_sqlite)
        named = [_licensors_id(one) for one in ids]
        yield from connection.execute(query, {_CHOSEN: named}).all()
    if keys:
        query = _query(state, facts, is_named=False, of_sqlite=of_sqlite)
        yield from connection.execute(query, {_CHOSEN: keys}).all()


@lru_cache(_CACHED_QUERIES)
def _query(
    state: ListState, facts: tuple[str, ...], *, is_named: bool, of_sqlite: bool
) -> Select[*tuple[Any, ...]]:
    entries, changes = as_table(Entry).c, as_table(EntryChange).c
    columns = [
        func.coalesce(changes[one], entries[one]) if one in changes else entries[one]
        for one in facts
    ]
    is_in_force = changes.entry_key == entries.key
    if state.preparing is not None:
        is_in_force &= changes.generation != state.preparing
    listed = is_listed_in(state, within_keys=not is_named)
    if is_named:
        listed.append(has_id())
    chosen = entries.entry_id if is_named else entries.key
    return (
        select(entries.entry_id, entries.key, *columns)
        .outerjoin_from(as_table(Entry), as_table(EntryChange), is_in_force)
        .where(*listed, among_named(chosen, _CHOSEN, is_sqlite=of_sqlite))
    )
