"""Applying of a staged delivery to its list."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, insert, literal, or_, select, true, update
from sqlalchemy.orm import Session

from ..engine import affected_rows
from ..schema import Entry, HashList
from .entries import is_named
from .generations import Change, Counts, publish_generation
from .staging import _IDENTITY
from .staging_tables import SPARED, STAGED, TOLD

_CONTENT = ("category", "tags", "added_at", "note")


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a file differed from the list. `change` is None when there was nothing to change.

    `changed` entries kept their hash and got another category, tags, time or note. `held` rows
    stay out because an operator withdrew them; `spared` entries stay in although the file lacks
    them, because a row of theirs was damaged.
    """

    change: Change | None
    added: int
    withdrawn: int
    changed: int
    unchanged: int
    held: int
    spared: int


def take_over(
    session: Session,
    row: HashList,
    *,
    source: str,
    keep_all: bool = False,
    only_told: bool = False,
) -> Comparison:
    """Make the list what was staged: withdraw what is gone, change what differs, add what is new.

    With `keep_all` nothing is withdrawn, with `only_told` nothing of which nothing was told. Runs
    inside `Staging.taking_over`. Writes no generation when nothing differs.
    """
    before = row.active_entries
    within = is_told() if only_told else true()
    spared = _count_spared(session, row, within, keep_all=keep_all) if before else 0
    withdrawn = _withdraw_missing(session, row, within) if before and not keep_all else 0
    changed = _change_contents(session, row, within) if before > withdrawn else 0
    held = _count_held(session, row)
    added = _insert_new(session, row, some_are_active=before > withdrawn, some_are_held=held > 0)
    change = None
    if added or withdrawn or changed:
        counts = Counts(added=added, withdrawn=withdrawn, changed=changed)
        change = publish_generation(session, row, counts, source=source)
    unchanged = before - withdrawn - spared - changed
    return Comparison(change, added, withdrawn, changed, unchanged, held, spared)


def same_entry() -> list[ColumnElement[bool]]:
    """Say that an entry has the hash and id of a staged row."""
    return [getattr(Entry, name) == STAGED.c[name] for name in _IDENTITY]


def is_active(row: HashList) -> list[ColumnElement[bool]]:
    """Say that an entry is an active one of the list."""
    return [Entry.list_key == row.key, Entry.withdrawn_generation.is_(None)]


def is_spared() -> ColumnElement[bool]:
    """Say that an entry is to stay whatever the file lacks."""
    return Entry.entry_id.in_(select(SPARED.c.entry_id))


def is_told() -> ColumnElement[bool]:
    """Say that all was told of an entry."""
    return is_named() & Entry.entry_id.in_(select(TOLD.c.entry_id))


def is_staged() -> ColumnElement[bool]:
    """Say that an entry is among what was staged."""
    return exists().where(*same_entry()).correlate(Entry.__table__)


def _count_spared(
    session: Session, row: HashList, within: ColumnElement[bool], *, keep_all: bool
) -> int:
    spared = true() if keep_all else is_spared()
    missing = (*is_active(row), within, spared, ~is_staged())
    return session.scalar(select(func.count()).select_from(Entry).where(*missing)) or 0


def _withdraw_missing(session: Session, row: HashList, within: ColumnElement[bool]) -> int:
    return affected_rows(
        session,
        update(Entry)
        .where(*is_active(row), within, ~is_staged(), ~is_spared())
        .values(withdrawn_generation=row.generation + 1)
        .execution_options(synchronize_session=False),
    )


def _change_contents(session: Session, row: HashList, within: ColumnElement[bool]) -> int:
    differs = or_(*(getattr(Entry, name) != STAGED.c[name] for name in _CONTENT))
    return affected_rows(
        session,
        update(Entry)
        .where(*is_active(row), within, *same_entry(), differs)
        .values({name: STAGED.c[name] for name in _CONTENT})
        .execution_options(synchronize_session=False),
    )


def _is_held(row: HashList) -> ColumnElement[bool]:
    held = (Entry.list_key == row.key, Entry.withdrawn_by_operator, *same_entry())
    return exists().where(*held).correlate(STAGED)


def _count_held(session: Session, row: HashList) -> int:
    if not session.scalar(
        select(Entry.key).where(Entry.list_key == row.key, Entry.withdrawn_by_operator).limit(1)
    ):
        return 0
    return session.scalar(select(func.count()).select_from(STAGED).where(_is_held(row))) or 0


def _insert_new(
    session: Session, row: HashList, *, some_are_active: bool, some_are_held: bool
) -> int:
    columns = [STAGED.c[name] for name in _IDENTITY + _CONTENT]
    rows = select(literal(row.key), literal(row.generation + 1), literal(value=False), *columns)
    if some_are_active:
        rows = rows.where(~exists().where(*is_active(row), *same_entry()).correlate(STAGED))
    if some_are_held:
        rows = rows.where(~_is_held(row))
    # In the order of the unique index, which then only grows at its end.
    rows = rows.order_by(*(STAGED.c[name] for name in _IDENTITY))
    names = ["list_key", "added_generation", "withdrawn_by_operator", *_IDENTITY, *_CONTENT]
    return affected_rows(session, insert(Entry).from_select(names, rows))
