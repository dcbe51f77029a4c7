"""Entries that the operator took out of matching, whatever later deliveries bring."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from ..engine import among
from ..schema import Entry, EntryChange, HashList
from .entries import IS_DISABLED, is_listed, is_named
from .figures import DISABLED, change_figures, follow_figures
from .generations import Change, Counts, Keys, next_number, publish_generation
from .registry import find_list

_LONG_KEY = 19  # Longer numbers are no keys, and would not fit into a query.


def disable_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Disable entries: they leave matching, and no later delivery brings them back.

    An id is the licensor's, or "#" and the entry's key. Raises `NotFoundError` naming the ids
    that no active entry has, and then disables nothing.
    """
    row = find_list(session, name)
    found = {
        one: _keys(session, [*is_listed(row), _has_id(one)]) for one in dict.fromkeys(entry_ids)
    }
    if missing := [one for one, keys in found.items() if not keys]:
        raise NotFoundError(f"list {name} has no active entry {', '.join(missing)}")
    return _disable(session, row, sorted({key for keys in found.values() for key in keys}))


def _keys(session: Session, chosen: Sequence[ColumnElement[bool]]) -> list[int]:
    return list(session.scalars(select(Entry.key).where(*chosen)))


def _disable(session: Session, row: HashList, keys: Sequence[int]) -> Change:
    session.execute(
        update(Entry)
        .where(among(session, Entry.key, keys))
        .values(withdrawn_generation=next_number(row), disabled=True)
    )
    counts = Counts(withdrawn=len(keys))
    change = publish_generation(session, row, counts, source="disabled by an operator")
    follow_figures(session, row, withdrawn=keys)
    change_figures(session, row.key, {(DISABLED, ""): len(keys)})
    return change


def disable_hashes(session: Session, name: str, keys: Sequence[int]) -> int:
    """Disable those of the entries that are active; see `disable_entries`.

    Returns their number.
    """
    row = find_list(session, name)
    found = _keys(session, [*is_listed(row, within_keys=True), among(session, Entry.key, keys)])
    if found:
        _disable(session, row, sorted(found))
    return len(found)


def enable_hashes(session: Session, name: str, keys: Sequence[int]) -> int:
    """Enable the entries with these keys where they are disabled; see `enable_entries`.

    Also all with the same hash that were disabled together with them, but not those that were
    disabled by themselves. Returns the number of rows.
    """
    row = find_list(session, name)
    enabled = dict[int, Entry]()
    for entry_id, same in _hashes(session, keys):
        disabled = session.scalars(select(Entry).where(*are_disabled(row), *same)).all()
        times = {one.withdrawn_generation for one in disabled if one.entry_id == entry_id}
        own = [one for one in disabled if one.withdrawn_generation in times]
        enabled |= {one.key: one for one in own}
    # Of an entry that was disabled several times one comes back.
    latest = {(one.algorithm, one.value, one.entry_id): one for one in enabled.values()}
    if latest:
        _enable(session, row, list(enabled.values()), copied=list(latest.values()))
    return len(latest)


def _hashes(session: Session, keys: Sequence[int]) -> list[tuple[str, list[ColumnElement[bool]]]]:
    """Return for each key its entry id, and what every row of the same hash has."""
    query = select(Entry.algorithm, Entry.value, Entry.entry_id).where(Entry.key.in_(keys))
    return [
        (entry_id, [Entry.algorithm == algorithm, Entry.value == value])
        for algorithm, value, entry_id in session.execute(query).unique()
    ]


def _enable(
    session: Session, row: HashList, entries: Sequence[Entry], *, copied: Sequence[Entry]
) -> Change:
    """Enable rows: those that are copied match again, under new keys."""
    for one in entries:
        one.disabled = False
    changes = _published_changes(session, row, [one.key for one in copied])
    new = [_copy_of(one, changes.get(one.key, one), next_number(row)) for one in copied]
    session.add_all(new)
    session.flush()
    keys = [one.key for one in new]
    change = publish_generation(
        session,
        row,
        Counts(added=len(new)),
        source="enabled by an operator",
        keys=Keys.of(keys),
    )
    follow_figures(session, row, added=keys)
    change_figures(session, row.key, {(DISABLED, ""): -len(entries)})
    return change


def enable_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Enable disabled entries: they match again, as new rows of a new generation."""
    row = find_list(session, name)
    found = {
        one: session.scalars(select(Entry).where(*are_disabled(row)).where(_has_id(one))).all()
        for one in dict.fromkeys(entry_ids)
    }
    if missing := [one for one, entries in found.items() if not entries]:
        raise NotFoundError(f"list {name} has no disabled entry {', '.join(missing)}")
    entries = [one for some in found.values() for one in some]
    return _enable(session, row, entries, copied=entries)


def are_disabled(row: HashList) -> list[ColumnElement[bool]]:
    """Say that entries are disabled ones of the list."""
    return [Entry.list_key == row.key, Entry.added_generation > row.emptied, IS_DISABLED]


def _has_id(shown_id: str) -> ColumnElement[bool]:
    """Say that an entry has an id as people see it: its licensor's, or "#" and its key."""
    named = is_named() & (Entry.entry_id == shown_id)
    if shown_id.startswith("#") and shown_id[1:].isdecimal() and len(shown_id) < _LONG_KEY:
        return named | ((Entry.key == int(shown_id[1:])) & (Entry.entry_id == ""))
    return named


def _published_changes(
    session: Session, row: HashList, keys: Sequence[int]
) -> dict[int, EntryChange]:
    """Return by key the contents that entries have, where these were not moved into them yet."""
    is_published: ColumnElement[bool] = EntryChange.generation != (row.preparing or 0)
    own = select(EntryChange).where(among(session, EntryChange.entry_key, keys), is_published)
    return {change.entry_key: change for change in session.scalars(own)}


def _copy_of(entry: Entry, contents: Entry | EntryChange, generation: int) -> Entry:
    return Entry(
        list_key=entry.list_key,
        algorithm=entry.algorithm,
        value=entry.value,
        entry_id=entry.entry_id,
        category=contents.category,
        tags=contents.tags,
        added_at=contents.added_at,
        note=contents.note,
        added_generation=generation,
        allows=entry.allows,
    )
