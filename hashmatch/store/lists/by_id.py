"""Active entries of a list by their ids, as they are shared with others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..schema import Entry, EntryChange, HashList
from .entries import is_in_force, is_listed, is_named

_Value = TypeVar("_Value", str, int)
# Databases take 32,766 values and more.
_IDS_A_QUERY = 1_000


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
    """Categories and tags of all active hashes of an entry, each in order."""

    categories: tuple[str, ...]
    tags: tuple[str, ...]


def read_active_words(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int] = ()
) -> dict[str, EntryWords]:
    """Return the words of the active entries with these ids, or keys where they have none."""
    categories: defaultdict[str, set[str]] = defaultdict(set)
    tags: defaultdict[str, set[str]] = defaultdict(set)
    for entry, change in _active(session, row, ids, keys):
        own_id = shared_id(entry.entry_id, entry.key)
        categories[own_id].add((change or entry).category)
        tags[own_id].update(json.loads((change or entry).tags))
    return {
        one: EntryWords(tuple(sorted(categories[one])), tuple(sorted(tags[one])))
        for one in categories
    }


def read_active_hashes(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int] = ()
) -> dict[str, EntryHashes]:
    """Return the active entries with these ids, or keys where they have none, by the id shared."""
    found: dict[str, EntryHashes] = {}
    for entry, change in _active(session, row, ids, keys):
        own_id = shared_id(entry.entry_id, entry.key)
        of_id = found.setdefault(own_id, EntryHashes((change or entry).added_at))
        of_id.hashes.setdefault(entry.algorithm, []).append(entry.value)
    return found


def _active(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int]
) -> Iterator[tuple[Entry, EntryChange | None]]:
    query = (
        select(Entry, EntryChange)
        .join(HashList, HashList.key == Entry.list_key)
        .outerjoin(EntryChange, is_in_force())
    )
    named = [_licensors_id(one) for one in ids]
    conditions = [
        *((*is_listed(row), is_named(), Entry.entry_id.in_(some)) for some in _batches(named)),
        *((*is_listed(row, within_keys=True), Entry.key.in_(some)) for some in _batches(keys)),
    ]
    for chosen in conditions:
        for one in session.execute(query.where(*chosen).order_by(Entry.key)):
            yield one[0], one[1]


def _batches(values: Collection[_Value]) -> list[list[_Value]]:
    every = list(values)
    return [every[first : first + _IDS_A_QUERY] for first in range(0, len(every), _IDS_A_QUERY)]
