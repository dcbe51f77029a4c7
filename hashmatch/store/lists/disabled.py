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

_LONG_KEY = 19  # Longer numbers are no keys, and would not fit into a query.


def count_disabled(session: Session) -> dict[str, int]:
    """Return the number of disabled entries by list name, for lists that have any."""
    rows = session.execute(
        select(HashList.name, func.count())
        .join(Entry, Entry.list_key == HashList.key)
        .where(Entry.disabled, HashList.removed_at.is_(None))
        .group_by(HashList.name)
    )
    return {row[0]: row[1] for row in rows}


def disable_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Disable entries: they leave matching, and no later delivery brings them back.

    An id is the licensor's, or "#" and the entry's key. Raises `NotFoundError` naming the ids
    that no active entry has, and then disables nothing.
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
            .values(withdrawn_generation=row.generation + 1, disabled=True),
        )
        withdrawn += changed
        if not changed:
            missing.append(entry_id)
    if missing:
        raise NotFoundError(f"list {name} has no active entry {', '.join(missing)}")
    counts = Counts(withdrawn=withdrawn)
    return publish_generation(session, row, counts, source="disabled by an operator")


def disable_hashes(session: Session, name: str, keys: Sequence[int]) -> int:
    """Disable all entries with the hashes of the entries with these keys.

    Also where they are other rows by now. Returns the number of rows; see `disable_entries`.
    """
    row = find_list(session, name)
    withdrawn = sum(
        affected_rows(
            session,
            update(Entry)
            .where(Entry.withdrawn_generation.is_(None), *same)
            .values(withdrawn_generation=row.generation + 1, disabled=True),
        )
        for _, same in _hashes(session, row, keys)
    )
    if withdrawn:
        counts = Counts(withdrawn=withdrawn)
        publish_generation(session, row, counts, source="disabled by an operator")
    return withdrawn


def enable_hashes(session: Session, name: str, keys: Sequence[int]) -> int:
    """Enable the entries with these keys where they are disabled; see `enable_entries`.

    Also all with the same hash that were disabled together with them, but not those that were
    disabled by themselves. Returns the number of rows.
    """
    row = find_list(session, name)
    enabled = dict[int, Entry]()
    for (_, entry_id), same in _hashes(session, row, keys):
        disabled = session.scalars(select(Entry).where(*are_disabled(row), *same)).all()
        times = {one.withdrawn_generation for one in disabled if one.entry_id == entry_id}
        own = [one for one in disabled if one.withdrawn_generation in times]
        enabled |= {one.key: one for one in own}
    # Of an entry that was disabled several times one comes back.
    latest = {(one.algorithm, one.value, one.entry_id): one for one in enabled.values()}
    for entry in enabled.values():
        entry.disabled = False
    session.add_all([_copy_of(one, row.generation + 1) for one in latest.values()])
    if latest:
        counts = Counts(added=len(latest))
        publish_generation(session, row, counts, source="enabled by an operator")
    return len(latest)


def _hashes(
    session: Session, row: HashList, keys: Sequence[int]
) -> list[tuple[tuple[bytes, str], list[ColumnElement[bool]]]]:
    """Return for each key its hash and entry id, and what every row of the same hash has."""
    query = select(Entry.algorithm, Entry.value, Entry.entry_id).where(Entry.key.in_(keys))
    return [
        (
            (value, entry_id),
            [Entry.list_key == row.key, Entry.algorithm == algorithm, Entry.value == value],
        )
        for algorithm, value, entry_id in session.execute(query).unique()
    ]


def enable_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Enable disabled entries: they match again, as new rows of a new generation."""
    row = find_list(session, name)
    enabled = 0
    missing: list[str] = []
    for entry_id in dict.fromkeys(entry_ids):
        disabled = session.scalars(
            select(Entry).where(*are_disabled(row)).where(_has_id(entry_id))
        ).all()
        enabled += len(disabled)
        for entry in disabled:
            entry.disabled = False
            session.add(_copy_of(entry, row.generation + 1))
        if not disabled:
            missing.append(entry_id)
    if missing:
        raise NotFoundError(f"list {name} has no disabled entry {', '.join(missing)}")
    counts = Counts(added=enabled)
    return publish_generation(session, row, counts, source="enabled by an operator")


def are_disabled(row: HashList) -> list[ColumnElement[bool]]:
    """Say that entries are disabled ones of the list."""
    # In the terms of the index of withdrawn ones, without which all entries would be read.
    withdrawn = Entry.withdrawn_generation.is_not(None)
    return [Entry.list_key == row.key, withdrawn, Entry.disabled.is_(True)]


def _has_id(shown_id: str) -> ColumnElement[bool]:
    """Say that an entry has an id as people see it: its licensor's, or "#" and its key."""
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
