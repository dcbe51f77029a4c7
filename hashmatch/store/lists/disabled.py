"""Entries that the operator took out of matching, whatever later deliveries bring."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from ..engine import affected_rows
from ..schema import Entry, HashList
from .entries import is_named
from .generations import Change, Counts, publish_generation
from .registry import find_list

_LONG_KEY = 19  # Keys of so many digits are not there, and would not fit into a query.


def count_operator_withdrawals(session: Session) -> dict[str, int]:
    """Return how many entries operators have withdrawn, for each list that has any."""
    rows = session.execute(
        select(HashList.name, func.count())
        .join(Entry, Entry.list_key == HashList.key)
        .where(Entry.withdrawn_by_operator, HashList.removed_at.is_(None))
        .group_by(HashList.name)
    )
    return {row[0]: row[1] for row in rows}


def withdraw_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Take entries out of matching by an operator's decision; imports will not bring them back.

    An id is the licensor's, or "#" and the entry's key. Raises `NotFoundError` naming the ids
    that no active entry has, and then withdraws nothing.
    """
    row = find_list(session, name)
    withdrawn = 0
    missing: list[str] = []
    for entry_id in dict.fromkeys(entry_ids):
        changed = affected_rows(
            session,
            update(Entry)
            .where(Entry.list_key == row.key, Entry.withdrawn_generation.is_(None))
            .where(_has_id(entry_id))
            .values(withdrawn_generation=row.generation + 1, withdrawn_by_operator=True),
        )
        withdrawn += changed
        if not changed:
            missing.append(entry_id)
    if missing:
        raise NotFoundError(f"list {name} has no active entry {', '.join(missing)}")
    counts = Counts(withdrawn=withdrawn)
    return publish_generation(session, row, counts, source="withdrawn by an operator")


def restore_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Undo `withdraw_entries`: the entries match again, as new rows of a new generation."""
    row = find_list(session, name)
    restored = 0
    missing: list[str] = []
    for entry_id in dict.fromkeys(entry_ids):
        held = session.scalars(
            select(Entry)
            .where(Entry.list_key == row.key, Entry.withdrawn_by_operator)
            .where(_has_id(entry_id))
        ).all()
        restored += len(held)
        for entry in held:
            entry.withdrawn_by_operator = False
            session.add(_copy_of(entry, row.generation + 1))
        if not held:
            missing.append(entry_id)
    if missing:
        raise NotFoundError(f"no operator withdrew {', '.join(missing)} from list {name}")
    counts = Counts(added=restored)
    return publish_generation(session, row, counts, source="restored by an operator")


def _has_id(shown_id: str) -> ColumnElement[bool]:
    named = is_named() & (Entry.entry_id == shown_id)
    if shown_id.startswith("#") and shown_id[1:].isdecimal() and len(shown_id) < _LONG_KEY:
        return named | ((Entry.key == int(shown_id[1:])) & (Entry.entry_id == ""))
    return named


def _copy_of(entry: Entry, generation: int) -> Entry:
    return Entry(
        list_key=entry.list_key,
        algorithm=entry.algorithm,
        value=entry.value,
        entry_id=entry.entry_id,
        category=entry.category,
        tags=entry.tags,
        added_at=entry.added_at,
        note=entry.note,
        added_generation=generation,
    )
