"""Reading of the audit log: records, sealed and unsealed, its end, and the rows that it binds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from ..schema import AuditBatch, AuditCheckpoint, Audited, AuditHead, AuditRecord, Base
from .audit_log import row_key
from .batches import Batch, BatchRecord
from .chaining import FIRST_HASH, bound_values
from .sealing import read_batches

_ROWS_A_BATCH = 5_000
# Unsealed batches that are counted: there are more only where sealing has failed for long.
_MAX_COUNTED = 10_000


class BoundRow(NamedTuple):
    """Bound values of a row, key first, with the state hash and number of its newest sealed record.

    The hash is None where that record says that the row was removed; the number is None where no
    record is of the row.
    """

    values: list[object]
    audit_id: int | None
    state_hash: bytes | None
    number: int | None


def count_audit_heads(session: Session) -> int:
    """Return the number of rows that say where the chain ends, of which there has to be one."""
    return session.scalar(select(func.count()).select_from(AuditHead)) or 0


def read_audit_head(session: Session) -> AuditHead | None:
    """Return the end of the chain."""
    return session.scalar(select(AuditHead))


def read_sealed_records(session: Session) -> Iterator[dict[str, Any]]:
    """Yield the sealed records in order, in bounded memory."""
    table = AuditRecord.__table__
    names = table.columns.keys()
    for row in session.execute(_streamed(select(table).order_by(table.c.number))):
        yield dict(zip(names, row, strict=True))


def read_audit_records(session: Session) -> Iterator[dict[str, Any]]:
    """Yield all records, oldest first; those that are not sealed have no number and no hash."""
    yield from read_sealed_records(session)
    for batch, one in _unsealed(session):
        values = {"number": None, "at": batch.at, "actor": batch.actor, **one._asdict()}
        state = None if one.state_hash is None else bytes.fromhex(one.state_hash)
        yield {**values, "state_hash": state, "record_hash": None}


def _unsealed(
    session: Session, about: tuple[str, int] | None = None
) -> Iterator[tuple[Batch, BatchRecord]]:
    """Yield the unsealed records, of one row or all, each with its batch."""
    for stored in read_batches(session, about=about):
        if (batch := stored.parse()) is not None:
            for one in batch.records:
                if about in (None, (one.subject, one.subject_key)):
                    yield batch, one


class Unsealed(NamedTuple):
    """Number of records that are not sealed, up to some thousands, and the time of the oldest."""

    records: int
    oldest: datetime | None


def read_unsealed(session: Session) -> Unsealed:
    """Return how many records are not sealed, and since when."""
    some = select(AuditBatch.size, AuditBatch.at).order_by(AuditBatch.key).limit(_MAX_COUNTED)
    found = some.subquery()
    number, oldest = session.execute(select(func.sum(found.c.size), func.min(found.c.at))).one()
    return Unsealed(number or 0, oldest)


def read_audit_checkpoints(session: Session) -> Iterator[AuditCheckpoint]:
    """Yield the signatures over earlier ends, in order."""
    yield from session.scalars(_streamed(select(AuditCheckpoint).order_by(AuditCheckpoint.number)))


class BrowsedRecord(NamedTuple):
    """A sealed record for people: its number, time, actor, action, row and facts as JSON."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    subject_key: int | None
    facts: str


# Records that are looked through for a text at a time.
LOOKED_THROUGH = 5_000


def browse_records(
    session: Session, *, before: int | None = None, text: str = "", limit: int
) -> list[BrowsedRecord]:
    """Return sealed records before a number, the newest first.

    With a text those whose actor, action or facts contain it, among the `LOOKED_THROUGH` before
    that number.
    """
    query = select(
        AuditRecord.number,
        AuditRecord.at,
        AuditRecord.actor,
        AuditRecord.action,
        AuditRecord.subject,
        AuditRecord.subject_key,
        AuditRecord.facts,
    )
    if before is not None:
        query = query.where(AuditRecord.number < before)
    if text:
        newest = session.scalar(select(func.max(AuditRecord.number))) or 0
        end = newest + 1 if before is None else before
        places = (AuditRecord.actor, AuditRecord.action, AuditRecord.facts)
        query = query.where(
            AuditRecord.number >= end - LOOKED_THROUGH,
            or_(*(one.icontains(text, autoescape=True) for one in places)),
        )
    rows = session.execute(query.order_by(AuditRecord.number.desc()).limit(limit))
    return [BrowsedRecord(*row) for row in rows]


def read_records_of(
    session: Session, subject: str, keys: Sequence[int]
) -> list[tuple[AuditRecord, bytes]]:
    """Return the sealed records of rows, each with the hash of the record before it."""
    before = aliased(AuditRecord)
    query = (
        select(AuditRecord, before.record_hash)
        .outerjoin(before, before.number == AuditRecord.number - 1)
        .where(AuditRecord.subject == subject, AuditRecord.subject_key.in_(keys))
    )
    rows = session.execute(query.order_by(AuditRecord.number))
    return [(record, previous or FIRST_HASH) for record, previous in rows]


class HistoryRecord(NamedTuple):
    """A record of a row: its time, actor, action, and facts as JSON."""

    at: datetime
    actor: str
    action: str
    facts: str


def read_history(session: Session, row: Audited) -> list[HistoryRecord]:
    """Return the records of a row, oldest first."""
    table, key = row.__tablename__, row_key(row)
    columns = (AuditRecord.at, AuditRecord.actor, AuditRecord.action, AuditRecord.facts)
    of_row = (AuditRecord.subject == table, AuditRecord.subject_key == key)
    sealed = session.execute(select(*columns).where(*of_row).order_by(AuditRecord.number))
    return [
        *(HistoryRecord(*one) for one in sealed),
        *(
            HistoryRecord(batch.at, batch.actor, one.action, one.facts)
            for batch, one in _unsealed(session, (table, key))
        ),
    ]


def audited_tables() -> list[type[Audited]]:
    """Return all tables whose rows the log binds, by name."""
    tables = [one.class_ for one in Base.registry.mappers if issubclass(one.class_, Audited)]
    return sorted(tables, key=lambda one: str(one.__tablename__))


def read_bound_rows(session: Session, table: type[Audited]) -> Iterator[BoundRow]:
    """Yield every row of an audited table with its newest sealed record, by key."""
    columns = [getattr(table, one) for one in table.audited]
    newest = _newest_records(table)
    rows = select(*columns, table.audit_id, newest.c.state_hash, newest.c.number).outerjoin(
        newest, newest.c.subject_key == columns[0]
    )
    for *values, own, state_hash, number in session.execute(_streamed(rows.order_by(columns[0]))):
        yield BoundRow(bound_values(values, own), own, state_hash, number)


def read_lost_rows(session: Session, table: type[Audited]) -> Iterator[tuple[int, int]]:
    """Yield (key, record number) of rows that are gone and that no sealed record says were."""
    key = getattr(table, table.audited[0])
    newest = _newest_records(table)
    lost = select(newest.c.subject_key, newest.c.number).outerjoin(
        table, key == newest.c.subject_key
    )
    lost = lost.where(key.is_(None), newest.c.state_hash.is_not(None))
    for one in session.execute(_streamed(lost)):
        yield one.subject_key, one.number


def _newest_records(table: type[Audited]) -> Any:
    """Return the newest sealed record of each row of a table, as a subquery."""
    newest = (
        select(func.max(AuditRecord.number).label("number"))
        .where(AuditRecord.subject == table.__tablename__)
        .group_by(AuditRecord.subject_key)
        .subquery()
    )
    record = aliased(AuditRecord)
    is_newest: ColumnElement[bool] = record.number == newest.c.number
    return (
        select(record.number, record.subject_key, record.state_hash)
        .join(newest, is_newest)
        .subquery()
    )


def _streamed(query: Select[Any]) -> Select[Any]:
    return query.execution_options(yield_per=_ROWS_A_BATCH)
