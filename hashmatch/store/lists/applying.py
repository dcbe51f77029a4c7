"""Applying of a staged delivery to its list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import ColumnElement, exists, func, insert, literal, or_, select, true, update
from sqlalchemy.orm import Session

from ..engine import affected_rows
from ..schema import Entry, HashList
from .entries import is_named
from .generations import Change, Counts, publish_generation
from .staging_tables import CONTENT, IDENTITY, RETAINED, STAGED, UPDATES

_ROWS_A_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between a delivery and its list. `change` is None when there were none.

    `changed` entries have the same hash and another category, tags, time or note. `disabled` rows
    stay out because the operator disabled their entries; `retained` entries stay although the
    delivery lacks them, because a row of theirs was damaged.
    """

    change: Change | None
    added: int
    withdrawn: int
    changed: int
    unchanged: int
    disabled: int
    retained: int


def apply_staged(
    session: Session,
    row: HashList,
    *,
    source: str,
    retain_all: bool = False,
    only_updated: bool = False,
) -> Comparison:
    """Replace a list by what was staged: withdraw, change and add entries.

    With `retain_all` nothing is withdrawn, with `only_updated` nothing but what the delivery
    describes. Runs inside `Staging.applying`. Publishes no generation when nothing differs.
    """
    before = row.active_entries
    within = is_updated() if only_updated else true()
    retained = _count_retained(session, row, within, retain_all=retain_all) if before else 0
    withdrawn = _withdraw_missing(session, row, within) if before and not retain_all else 0
    changed = _change_contents(session, row, within) if before > withdrawn else 0
    disabled = _count_disabled(session, row)
    added = _insert_new(
        session, row, some_are_active=before > withdrawn, some_are_disabled=disabled > 0
    )
    change = None
    if added or withdrawn or changed:
        counts = Counts(added=added, withdrawn=withdrawn, changed=changed)
        change = publish_generation(session, row, counts, source=source)
    unchanged = before - withdrawn - retained - changed
    return Comparison(change, added, withdrawn, changed, unchanged, disabled, retained)


def read_additions(session: Session, row: HashList) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Yield (algorithm, values) of the staged rows that applying them would add, in batches."""
    rows = session.execute(
        select(STAGED.c.algorithm, STAGED.c.value).where(is_new(row)).order_by(STAGED.c.algorithm),
        execution_options={"yield_per": _ROWS_A_BATCH},
    )
    for batch in rows.partitions():
        for algorithm, some in groupby(batch, itemgetter(0)):
            yield algorithm, [value for _, value in some]


def same_entry() -> list[ColumnElement[bool]]:
    """Say that an entry has the hash and id of a staged row."""
    return [getattr(Entry, name) == STAGED.c[name] for name in IDENTITY]


def is_active(row: HashList) -> list[ColumnElement[bool]]:
    """Say that an entry is an active one of the list."""
    return [Entry.list_key == row.key, Entry.withdrawn_generation.is_(None)]


def is_retained() -> ColumnElement[bool]:
    """Say that an entry is retained whatever the delivery lacks."""
    return Entry.entry_id.in_(select(RETAINED.c.entry_id))


def is_updated() -> ColumnElement[bool]:
    """Say that the delivery describes an entry."""
    return is_named() & Entry.entry_id.in_(select(UPDATES.c.entry_id))


def is_staged() -> ColumnElement[bool]:
    """Say that an entry was staged."""
    return exists().where(*same_entry()).correlate(Entry.__table__)


def _count_retained(
    session: Session, row: HashList, within: ColumnElement[bool], *, retain_all: bool
) -> int:
    retained = true() if retain_all else is_retained()
    missing = (*is_active(row), within, retained, ~is_staged())
    return session.scalar(select(func.count()).select_from(Entry).where(*missing)) or 0


def _withdraw_missing(session: Session, row: HashList, within: ColumnElement[bool]) -> int:
    return affected_rows(
        session,
        update(Entry)
        .where(*is_active(row), within, ~is_staged(), ~is_retained())
        .values(withdrawn_generation=row.generation + 1)
        .execution_options(synchronize_session=False),
    )


def _change_contents(session: Session, row: HashList, within: ColumnElement[bool]) -> int:
    differs = or_(*(getattr(Entry, name) != STAGED.c[name] for name in CONTENT))
    return affected_rows(
        session,
        update(Entry)
        .where(*is_active(row), within, *same_entry(), differs)
        .values({name: STAGED.c[name] for name in CONTENT})
        .execution_options(synchronize_session=False),
    )


def is_disabled(row: HashList) -> ColumnElement[bool]:
    """Say that the operator disabled a staged entry, which then stays out."""
    disabled = (Entry.list_key == row.key, Entry.disabled, *same_entry())
    return exists().where(*disabled).correlate(STAGED)


def is_new(row: HashList) -> ColumnElement[bool]:
    """Say that a staged entry is not in the list, and is not to stay out of it."""
    return ~exists().where(*is_active(row), *same_entry()).correlate(STAGED) & ~is_disabled(row)


def _count_disabled(session: Session, row: HashList) -> int:
    if not session.scalar(
        select(Entry.key).where(Entry.list_key == row.key, Entry.disabled).limit(1)
    ):
        return 0
    return session.scalar(select(func.count()).select_from(STAGED).where(is_disabled(row))) or 0


def _insert_new(
    session: Session, row: HashList, *, some_are_active: bool, some_are_disabled: bool
) -> int:
    columns = [STAGED.c[name] for name in IDENTITY + CONTENT]
    rows = select(literal(row.key), literal(row.generation + 1), literal(value=False), *columns)
    if some_are_active:
        rows = rows.where(~exists().where(*is_active(row), *same_entry()).correlate(STAGED))
    if some_are_disabled:
        rows = rows.where(~is_disabled(row))
    # In the order of the unique index, which then only grows at its end.
    rows = rows.order_by(*(STAGED.c[name] for name in IDENTITY))
    names = ["list_key", "added_generation", "disabled", *IDENTITY, *CONTENT]
    return affected_rows(session, insert(Entry).from_select(names, rows))
