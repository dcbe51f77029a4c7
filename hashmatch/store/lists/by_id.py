"""Active entries of a list by their ids, as they are shared with others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..schema import Entry, EntryChange, HashList
from .entries import is_in_force, is_listed, is_named, shown_entry_id

_Value = TypeVar("_Value", str, int)
# Databases take 32,766 values and more.
_IDS_A_QUERY = 1_000


@dataclass(slots=True)
class EntryHashes:
    """All active hashes of an entry, by algorithm, and when it was added by its licensor's word."""

    added_at: str
    hashes: dict[str, list[bytes]] = field(default_factory=dict, repr=False)


def find_active_ids(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int] = ()
) -> set[str]:
    """Return the ids that active entries have: of those with a licensor's, and of some by key."""
    found: set[str] = set()
    for some in _batches(ids):
        of_ids = (is_named(), Entry.entry_id.in_(some))
        found |= set(session.scalars(select(Entry.entry_id).where(*is_listed(row), *of_ids)))
    for numbers in _batches(keys):
        of_keys = (*is_listed(row, within_keys=True), Entry.key.in_(numbers))
        found |= {
            shown_entry_id("", key) for key in session.scalars(select(Entry.key).where(*of_keys))
        }
    return found


def read_active_hashes(
    session: Session, row: HashList, ids: Collection[str], keys: Collection[int] = ()
) -> dict[str, EntryHashes]:
    """Return the active entries with these ids, or keys where they have none, by id as shown."""
    found: dict[str, EntryHashes] = {}
    query = (
        select(Entry, EntryChange)
        .join(HashList, HashList.key == Entry.list_key)
        .outerjoin(EntryChange, is_in_force())
    )
    conditions = [
        *((*is_listed(row), is_named(), Entry.entry_id.in_(some)) for some in _batches(ids)),
        *((*is_listed(row, within_keys=True), Entry.key.in_(some)) for some in _batches(keys)),
    ]
    for chosen in conditions:
        for entry, change in session.execute(query.where(*chosen).order_by(Entry.key)):
            shown_id = shown_entry_id(entry.entry_id, entry.key)
            of_id = found.setdefault(shown_id, EntryHashes((change or entry).added_at))
            of_id.hashes.setdefault(entry.algorithm, []).append(entry.value)
    return found


def _batches(values: Collection[_Value]) -> list[list[_Value]]:
    every = list(values)
    return [every[first : first + _IDS_A_QUERY] for first in range(0, len(every), _IDS_A_QUERY)]
