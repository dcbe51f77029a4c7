"""Deliveries that a guard held back: laid aside whole, shown, taken over after all or dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, delete, exists, insert, literal, select, text, true
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from ..engine import affected_rows, audit, is_sqlite
from ..schema import Entry, HashList, QuarantinedDelivery, QuarantinedRow, utc_now
from .applying import Comparison, is_active, is_spared, is_staged, is_told, same_entry
from .generations import Counts
from .staging import Staging
from .staging_tables import SPARED, STAGED, STAGED_KEPT, TOLD

# The tables beside the store, and where their columns go; the others have the same names.
_PARTS: dict[str, Table] = {
    "staged": STAGED,
    "staged_kept": STAGED_KEPT,
    "told": TOLD,
    "spared": SPARED,
}


_RENAMED = {("staged_kept", "value"): "text", ("told", "moment"): "added_at"}


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A delivery that is held back, and what it would do; `number` names it to people."""

    number: int
    source: str
    checkpoint: Mapping[str, Any]
    reason: str
    is_whole: bool
    keep_all: bool
    created_at: datetime
    rejected_at: datetime | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that a delivery would add, change or withdraw."""

    kind: str
    algorithm: str
    entry_id: str
    category: str


def hold_back(
    session: Session,
    row: HashList,
    *,
    source: str,
    checkpoint: Mapping[str, Any],
    reason: str,
    is_whole: bool,
    keep_all: bool,
    comparison: Comparison,
) -> int:
    """Lay what was staged for a list aside, in place of what was; returns its number.

    Runs inside `Staging.taking_over`.
    """
    release_quarantine(session, row.key)
    delivery = QuarantinedDelivery(
        list_key=row.key,
        source=source,
        checkpoint=json.dumps(dict(checkpoint)),
        reason=reason,
        is_whole=is_whole,
        keep_all=keep_all,
        added=comparison.added,
        withdrawn=comparison.withdrawn,
        changed=comparison.changed,
    )
    session.add(delivery)
    session.flush()
    for part, table in _PARTS.items():
        names = [_RENAMED.get((part, one.name), one.name) for one in table.columns]
        rows = select(literal(delivery.key), literal(part), *table.columns)
        copied = insert(QuarantinedRow).from_select(["delivery_key", "part", *names], rows)
        session.execute(copied)
    facts = {"list": row.name, "delivery": delivery.key, "reason": reason}
    audit(session, "delivery.held_back", row, facts)
    return delivery.key


def find_quarantine(session: Session, row: HashList) -> Quarantine | None:
    """Return what is held back of a list."""
    found = session.scalar(
        select(QuarantinedDelivery).where(QuarantinedDelivery.list_key == row.key)
    )
    return None if found is None else _facts(found)


def require_quarantine(session: Session, row: HashList, number: int) -> Quarantine:
    """Return what waits for a decision, where it has that number. Raises `NotFoundError`."""
    found = find_quarantine(session, row)
    if found is None or found.number != number or found.rejected_at is not None:
        raise NotFoundError(
            f"list {row.name} has no delivery {number} that waits for a decision",
            hint=f"'hashmatch lists diff {row.name}' shows what is held back now.",
        )
    return found


def read_quarantines(session: Session) -> dict[str, Quarantine]:
    """Return what is held back, by the name of the list."""
    rows = session.execute(
        select(HashList.name, QuarantinedDelivery)
        .join(HashList, HashList.key == QuarantinedDelivery.list_key)
        .where(HashList.removed_at.is_(None))
    )
    return {name: _facts(one) for name, one in rows}


def stage_again(staging: Staging, number: int) -> None:
    """Lay a delivery that is held back beside the store again."""
    for part, table in _PARTS.items():
        names = [_RENAMED.get((part, one.name), one.name) for one in table.columns]
        columns = [getattr(QuarantinedRow, name) for name in names]
        rows = select(*columns).where(
            QuarantinedRow.delivery_key == number, QuarantinedRow.part == part
        )
        staging.copy(insert(table).from_select([one.name for one in table.columns], rows))


def reject_quarantine(session: Session, row: HashList, number: int) -> None:
    """Drop the rows of a delivery for a list, and remember that it is not wanted."""
    _forget_rows(session, number)
    delivery = session.get(QuarantinedDelivery, number)
    if delivery is not None:
        delivery.rejected_at = utc_now()
    audit(session, "delivery.rejected", row, {"list": row.name, "delivery": number})


def release_quarantine(session: Session, list_key: int) -> None:
    """Forget what is held back of a list, if anything is."""
    held = session.scalar(
        select(QuarantinedDelivery).where(QuarantinedDelivery.list_key == list_key)
    )
    if held is not None:
        _forget_rows(session, held.key)
        session.delete(held)
        session.flush()


def read_differences(
    session: Session, row: HashList, quarantine: Quarantine
) -> Iterator[Difference]:
    """Yield what the delivery that was staged again would do to the list."""
    # The operator's word stands: what was withdrawn by hand stays out.
    held = exists().where(Entry.list_key == row.key, Entry.withdrawn_by_operator, *same_entry())
    there = exists().where(*is_active(row), *same_entry())
    added = select(STAGED.c.algorithm, STAGED.c.entry_id, STAGED.c.category).where(
        ~held.correlate(STAGED), ~there.correlate(STAGED)
    )
    within = true() if quarantine.is_whole else is_told()
    gone = and_(within, ~is_staged(), ~is_spared())
    withdrawn = select(Entry.algorithm, Entry.entry_id, Entry.category).where(*is_active(row), gone)
    if not quarantine.keep_all:
        yield from (Difference("withdrawn", *one) for one in session.execute(withdrawn))
    yield from (Difference("added", *one) for one in session.execute(added))


def _forget_rows(session: Session, number: int) -> None:
    if is_sqlite(session):
        session.execute(text("PRAGMA secure_delete = ON"))
    affected_rows(session, delete(QuarantinedRow).where(QuarantinedRow.delivery_key == number))


def _facts(one: QuarantinedDelivery) -> Quarantine:
    return Quarantine(
        one.key,
        one.source,
        json.loads(one.checkpoint),
        one.reason,
        one.is_whole,
        one.keep_all,
        one.created_at,
        one.rejected_at,
        Counts(one.added, one.withdrawn, one.changed),
    )
