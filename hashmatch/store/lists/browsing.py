"""Browsing of the entries of a list for people, a page at a time and without their values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from ..schema import Entry, EntryChange, HashList
from .disabled import are_disabled
from .entries import is_in_force, is_listed, shown_entry_id

_ORDER = (Entry.entry_id, Entry.algorithm, Entry.value)


@dataclass(frozen=True, slots=True)
class BrowsedEntry:
    """One hash of a list without its value: `key` is its place, `entry_id` as people see it."""

    key: int
    entry_id: str
    algorithm: str
    category: str
    tags: Sequence[str]
    added_at: str
    note: str
    is_disabled: bool
    disabled_until: datetime | None


def browse_entries(
    session: Session, row: HashList, *, after: int | None = None, disabled: bool = False, limit: int
) -> list[BrowsedEntry]:
    """Return active entries of a list in the order of their ids, or disabled ones.

    They begin after the entry with the key `after`.
    """
    chosen = are_disabled(row) if disabled else is_listed(row)
    query = (
        select(Entry, EntryChange)
        .join(HashList, HashList.key == Entry.list_key)
        .outerjoin(EntryChange, is_in_force())
        .where(*chosen)
    )
    if after is not None and (last := session.get(Entry, after)) is not None:
        query = query.where(tuple_(*_ORDER) > (last.entry_id, last.algorithm, last.value))
    rows = session.execute(query.order_by(*_ORDER).limit(limit))
    return [_browsed(entry, change) for entry, change in rows]


def _browsed(entry: Entry, change: EntryChange | None) -> BrowsedEntry:
    now = change or entry
    return BrowsedEntry(
        entry.key,
        shown_entry_id(entry.entry_id, entry.key),
        entry.algorithm,
        now.category,
        json.loads(now.tags),
        now.added_at,
        now.note,
        entry.disabled,
        entry.disabled_until,
    )
