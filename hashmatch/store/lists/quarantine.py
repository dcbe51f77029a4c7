"""Quarantine: deliveries that a guard stopped, until they are accepted or rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, delete, insert, literal, select, true
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from ..engine import affected_rows, audit, overwrite_deleted
from ..schema import Entry, HashList, QuarantinedDelivery, QuarantinedRow, utc_now
from .applying import (
    Comparison,
    is_active,
    is_new,
    is_retained,
    is_staged,
    is_updated,
)
from .generations import Counts
from .staging import Staging
from .staging_tables import RETAINED, STAGED, STAGED_UNSUPPORTED, UPDATES

# The staging tables, and the names of their columns here where these differ.
_PARTS: dict[str, Table] = {
    "staged": STAGED,
    "unsupported": STAGED_UNSUPPORTED,
    "updates": UPDATES,
    "retained": RETAINED,
}
_RENAMED = {("unsupported", "value"): "text", ("updates", "moment"): "added_at"}


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A quarantined delivery with the changes that it would make; `number` is its public id."""

    number: int
    source: str
    checkpoint: Mapping[str, Any]
    reason: str
    is_full: bool
    retain_all: bool
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


def quarantine_delivery(
    session: Session,
    row: HashList,
    *,
    source: str,
    checkpoint: Mapping[str, Any],
    reason: str,
    is_full: bool,
    retain_all: bool,
    comparison: Comparison,
) -> int:
    """Quarantine what was staged for a list, in place of an earlier delivery; returns its number.

    Runs inside `Staging.applying`.
    """
    discard_quarantined(session, row.key)
    delivery = QuarantinedDelivery(
        list_key=row.key,
        source=source,
        checkpoint=json.dumps(dict(checkpoint)),
        reason=reason,
        is_full=is_full,
        retain_all=retain_all,
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
    audit(session, "delivery.quarantined", row, facts)
    return delivery.key


def find_quarantine(session: Session, row: HashList) -> Quarantine | None:
    """Return the quarantined delivery of a list, pending or rejected; None without one."""
    found = session.scalar(
        select(QuarantinedDelivery).where(QuarantinedDelivery.list_key == row.key)
    )
    return None if found is None else _facts(found)


def require_quarantine(session: Session, row: HashList, number: int) -> Quarantine:
    """Return the pending delivery of a list by its number. Raises `NotFoundError`."""
    found = find_quarantine(session, row)
    if found is None or found.number != number or found.rejected_at is not None:
        raise NotFoundError(
            f"list {row.name} has no pending delivery {number}",
            hint=f"'hashmatch lists diff {row.name}' shows the quarantined delivery.",
        )
    return found


def read_quarantines(session: Session) -> dict[str, Quarantine]:
    """Return all quarantined deliveries by list name."""
    rows = session.execute(
        select(HashList.name, QuarantinedDelivery)
        .join(HashList, HashList.key == QuarantinedDelivery.list_key)
        .where(HashList.removed_at.is_(None))
    )
    return {name: _facts(one) for name, one in rows}


def restage(staging: Staging, number: int) -> None:
    """Stage a quarantined delivery again."""
    for part, table in _PARTS.items():
        names = [_RENAMED.get((part, one.name), one.name) for one in table.columns]
        columns = [getattr(QuarantinedRow, name) for name in names]
        rows = select(*columns).where(
            QuarantinedRow.delivery_key == number, QuarantinedRow.part == part
        )
        staging.copy(insert(table).from_select([one.name for one in table.columns], rows))


def reject_quarantined(session: Session, row: HashList, number: int) -> None:
    """Delete the rows of a quarantined delivery and remember its rejection."""
    _delete_rows(session, number)
    delivery = session.get(QuarantinedDelivery, number)
    if delivery is not None:
        delivery.rejected_at = utc_now()
    audit(session, "delivery.rejected", row, {"list": row.name, "delivery": number})


def discard_quarantined(session: Session, list_key: int) -> None:
    """Delete the quarantined delivery of a list, if there is one."""
    found = session.scalar(
        select(QuarantinedDelivery).where(QuarantinedDelivery.list_key == list_key)
    )
    if found is not None:
        _delete_rows(session, found.key)
        session.delete(found)
        session.flush()


def read_differences(
    session: Session, row: HashList, quarantine: Quarantine
) -> Iterator[Difference]:
    """Yield the changes that a restaged delivery would make to the list."""
    added = select(STAGED.c.algorithm, STAGED.c.entry_id, STAGED.c.category).where(is_new(row))
    within = true() if quarantine.is_full else is_updated()
    gone = and_(within, ~is_staged(), ~is_retained())
    withdrawn = select(Entry.algorithm, Entry.entry_id, Entry.category).where(*is_active(row), gone)
    if not quarantine.retain_all:
        yield from (Difference("withdrawn", *one) for one in session.execute(withdrawn))
    yield from (Difference("added", *one) for one in session.execute(added))


def _delete_rows(session: Session, number: int) -> None:
    overwrite_deleted(session)
    affected_rows(session, delete(QuarantinedRow).where(QuarantinedRow.delivery_key == number))


def _facts(one: QuarantinedDelivery) -> Quarantine:
    return Quarantine(
        one.key,
        one.source,
        json.loads(one.checkpoint),
        one.reason,
        one.is_full,
        one.retain_all,
        one.created_at,
        one.rejected_at,
        Counts(one.added, one.withdrawn, one.changed),
    )
