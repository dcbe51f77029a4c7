"""Quarantine: deliveries that a guard stopped, until they are accepted or rejected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, insert, literal, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError, SyncLeaseError

from ..engine import Turns, affected_rows, audit, overwrite_deleted
from ..schema import Entry, HashList, QuarantinedDelivery, QuarantinedRow, utc_now
from .comparing import Comparison
from .generations import Counts
from .staging import Staging
from .staging_tables import RETAINED, STAGED, STAGED_UNSUPPORTED, UPDATES, WITHDRAWALS
from .syncs import renew_lease

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
    staging: Staging,
    row: HashList,
    holder: str,
    *,
    source: str,
    checkpoint: Mapping[str, Any],
    reason: str,
    is_full: bool,
    retain_all: bool,
    comparison: Comparison,
) -> Callable[[Session, HashList], int]:
    """Store what was staged for a list, in place of an earlier delivery, in short transactions.

    Nobody sees it until the function that is returned is called, in the last of them, which returns
    the delivery's number. Only for the holder of the lease, which is renewed. Raises
    `SyncLeaseError` where that has passed to another process, or the list was removed.
    """
    with staging.turns.next() as session:
        renew_lease(session, row, holder)
        hide_quarantined(session, row.key)
    delete_hidden(staging.turns, row.key)
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
        complete=False,
    )
    with staging.turns.next() as session:
        renew_lease(session, row, holder)
        session.add(delivery)
        session.flush()
        number = delivery.key
    for part, table in _PARTS.items():
        staging.walk(table, partial(_copy, row, holder, number, part, table))
    return partial(_show, number, reason)


def _copy(
    row: HashList,
    holder: str,
    number: int,
    part: str,
    table: Table,
    session: Session,
    some: ColumnElement[bool],
) -> None:
    renew_lease(session, row, holder)
    stored = _stored_columns(part, table)
    columns = [table.c[name] for name in stored]
    rows = select(literal(number), literal(part), *columns).where(some)
    copied = insert(QuarantinedRow).from_select(
        ["delivery_key", "part", *stored.values()], rows.order_by(*table.primary_key)
    )
    session.execute(copied)


def _show(number: int, reason: str, session: Session, row: HashList) -> int:
    """Let others see a delivery that is stored now."""
    own = QuarantinedDelivery.key == number
    if not affected_rows(session, update(QuarantinedDelivery).where(own).values(complete=True)):
        raise SyncLeaseError(
            f"list {row.name} was changed by another process while a delivery was quarantined",
            hint="Nothing was changed by this one; try again.",
        )
    facts = {"list": row.name, "delivery": number, "reason": reason}
    audit(session, "delivery.quarantined", row, facts)
    return number


def find_quarantine(session: Session, row: HashList) -> Quarantine | None:
    """Return the quarantined delivery of a list, pending or rejected; None without one."""
    of_list = (QuarantinedDelivery.list_key == row.key, QuarantinedDelivery.complete)
    found = session.scalar(select(QuarantinedDelivery).where(*of_list))
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
        .where(HashList.removed_at.is_(None), QuarantinedDelivery.complete)
    )
    return {name: _facts(one) for name, one in rows}


def restage(staging: Staging, number: int) -> None:
    """Stage a quarantined delivery again."""
    for part, table in _PARTS.items():
        stored = _stored_columns(part, table)
        rows = select(*(getattr(QuarantinedRow, name) for name in stored.values())).where(
            QuarantinedRow.delivery_key == number, QuarantinedRow.part == part
        )
        rows = rows.order_by(QuarantinedRow.key)
        # Versions before stored some rows twice, whose first counts.
        staging.copy(table, list(stored), rows)


def _stored_columns(part: str, table: Table) -> dict[str, str]:
    """Return the columns of a staging table, with the names of those that store them."""
    names = [one.name for one in table.columns if one.name != "place"]
    return {name: _RENAMED.get((part, name), name) for name in names}


def reject_quarantined(session: Session, row: HashList, number: int) -> None:
    """Remember the rejection of a quarantined delivery, whose rows `delete_hidden` deletes."""
    delivery = session.get(QuarantinedDelivery, number)
    if delivery is not None:
        delivery.rejected_at = utc_now()
    audit(session, "delivery.rejected", row, {"list": row.name, "delivery": number})


def hide_quarantined(session: Session, list_key: int) -> None:
    """Discard the quarantined delivery of a list, if there is one; `delete_hidden` deletes it."""
    of_list = QuarantinedDelivery.list_key == list_key
    session.execute(update(QuarantinedDelivery).where(of_list).values(complete=False))


def delete_hidden(turns: Turns, list_key: int) -> None:
    """Delete in short transactions what was discarded, and the rows of what was rejected."""
    is_more = True
    while is_more:
        with turns.next() as session:
            is_more = delete_some_hidden(session, list_key, turns.rows)


def delete_some_hidden(session: Session, list_key: int, limit: int) -> bool:
    """Delete up to so many rows of it; say whether there may be more."""
    delivery = session.scalar(
        select(QuarantinedDelivery).where(QuarantinedDelivery.list_key == list_key)
    )
    if delivery is None or (delivery.complete and delivery.rejected_at is None):
        return False
    overwrite_deleted(session)
    some = select(QuarantinedRow.key).where(QuarantinedRow.delivery_key == delivery.key)
    deleted = delete(QuarantinedRow).where(QuarantinedRow.key.in_(some.limit(limit)))
    if affected_rows(session, deleted) >= limit:
        return True
    if not delivery.complete:
        session.delete(delivery)
        session.flush()
    return False


def read_differences(session: Session, additions: Table) -> Iterator[Difference]:
    """Yield the changes that a delivery would make that was compared with its list."""
    withdrawn = select(Entry.algorithm, Entry.entry_id, Entry.category).where(
        Entry.key.in_(select(WITHDRAWALS.c.entry_key))
    )
    added = select(additions.c.algorithm, additions.c.entry_id, additions.c.category)
    yield from (Difference("withdrawn", *one) for one in session.execute(withdrawn))
    yield from (Difference("added", *one) for one in session.execute(added))


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
