"""The lists in the store: make, look up, license, withdraw from and remove them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Row,
    UpdateBase,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError, UnknownListError

from .models import Entry, Generation, HashList, utc_now

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ListState:
    """One list as it stood when it was read."""

    key: int
    name: str
    licensor: str
    licence_end: date | None
    generation: int
    active_entries: int
    changed_at: datetime

    def licence_has_ended(self, today: date) -> bool:
        """Say whether `today` is past the last day of the licence."""
        return self.licence_end is not None and today > self.licence_end


@dataclass(frozen=True, slots=True)
class Change:
    """What one change did to a list; `generation` is the one in force afterwards."""

    list_name: str
    generation: int
    added: int
    withdrawn: int


def create_list(
    session: Session, name: str, *, licensor: str = "", licence_end: date | None = None
) -> HashList:
    """Make an empty list, or revive a removed one of that name: its generations go on counting.

    Raises `InputError` when the name is taken or unfit.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"list name {name[:64]!r} is unfit",
            hint="Use up to 64 of a-z 0-9 . _ - and begin with a letter or digit.",
        )
    row = session.scalar(select(HashList).where(HashList.name == name))
    if row is not None and row.removed_at is None:
        raise InputError(
            f"there is a list named {name} already",
            hint=f"Fill it with 'hashmatch lists import {name} FILE'.",
        )
    if row is None:
        row = HashList(name=name)
        session.add(row)
    row.licensor = licensor
    row.licence_end = licence_end
    row.removed_at = None
    session.flush()
    return row


def find_list(session: Session, name: str) -> HashList:
    """Return the list of that name. Raises `UnknownListError`."""
    row = session.scalar(
        select(HashList).where(HashList.name == name, HashList.removed_at.is_(None))
    )
    if row is None:
        raise UnknownListError(
            f"there is no list named {name[:64]!r}", hint="'hashmatch lists status' names them."
        )
    return row


def set_licence(session: Session, name: str, *, licensor: str | None, end: date | None) -> None:
    """Set the last day of a list's licence, None for no end, and who licenses it, None to keep it.

    Raises `UnknownListError`.
    """
    row = find_list(session, name)
    row.licence_end = end
    if licensor is not None:
        row.licensor = licensor


def read_lists(session: Session) -> tuple[ListState, ...]:
    """Return all lists that were not removed, by name."""
    changed_at = func.coalesce(func.max(Generation.created_at), HashList.created_at)
    rows = session.execute(
        select(HashList, changed_at.label("changed_at"))
        .outerjoin(Generation, Generation.list_key == HashList.key)
        .where(HashList.removed_at.is_(None))
        .group_by(HashList.key)
        .order_by(HashList.name)
    )
    return tuple(
        ListState(
            key=row.key,
            name=row.name,
            licensor=row.licensor,
            licence_end=row.licence_end,
            generation=row.generation,
            active_entries=row.active_entries,
            changed_at=moment,
        )
        for row, moment in rows
    )


def count_active_entries(session: Session) -> Sequence[Row[str, str, int]]:
    """Return (list name, algorithm, active entries), for every pair that has any."""
    return session.execute(
        select(HashList.name, Entry.algorithm, func.count())
        .join(Entry, Entry.list_key == HashList.key)
        .where(Entry.withdrawn_generation.is_(None), HashList.removed_at.is_(None))
        .group_by(HashList.name, Entry.algorithm)
        .order_by(HashList.name, Entry.algorithm)
    ).all()


def publish_generation(
    session: Session, row: HashList, *, source: str, added: int, withdrawn: int
) -> Change:
    """Record that the list was changed, in the transaction that changed it."""
    row.generation += 1
    row.active_entries += added - withdrawn
    session.add(
        Generation(
            list_key=row.key,
            number=row.generation,
            source=source,
            added=added,
            withdrawn=withdrawn,
        )
    )
    session.flush()
    return Change(row.name, row.generation, added, withdrawn)


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
    return publish_generation(
        session, row, source="withdrawn by an operator", added=0, withdrawn=withdrawn
    )


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
    return publish_generation(
        session, row, source="restored by an operator", added=restored, withdrawn=0
    )


def remove_list(session: Session, name: str) -> Change:
    """Delete a list's entries and take it out of matching; matches keep what explains them."""
    row = find_list(session, name)
    if session.get_bind().dialect.name == "sqlite":
        # Overwrite what is deleted. Not set for good: it costs an import a tenth of its speed.
        session.execute(text("PRAGMA secure_delete = ON"))
    affected_rows(session, delete(Entry).where(Entry.list_key == row.key))
    change = publish_generation(
        session, row, source="list removed", added=0, withdrawn=row.active_entries
    )
    row.removed_at = utc_now()
    return change


def shown_entry_id(entry_id: str, key: int) -> str:
    """Return the licensor's id of an entry, or "#" and its key where the licensor gave none."""
    return entry_id or f"#{key}"


def _has_id(shown_id: str) -> ColumnElement[bool]:
    named = Entry.entry_id == shown_id
    if shown_id.startswith("#") and shown_id[1:].isdecimal():
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


def affected_rows(session: Session, statement: UpdateBase) -> int:
    """Execute the statement and return how many rows it changed."""
    return cast("CursorResult[object]", session.execute(statement)).rowcount
