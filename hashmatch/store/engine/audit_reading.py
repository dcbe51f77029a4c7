"""Reading of the audit log: its records, its end, and the rows that it binds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from ..schema import AuditCheckpoint, AuditHead, AuditRecord, Base
from .audit_log import row_key

_ROWS_A_BATCH = 5_000


class BoundRow(NamedTuple):
    """Audited values of a row, key first, with the state hash and number of its newest record.

    The hash is None where that record says that the row was removed; the number is None where no
    record is of the row.
    """

    values: list[object]
    state_hash: bytes | None
    number: int | None


def count_audit_heads(session: Session) -> int:
    """Return the number of rows that say where the chain ends, of which there has to be one."""
    return session.scalar(select(func.count()).select_from(AuditHead)) or 0


def read_audit_head(session: Session) -> AuditHead | None:
    """Return the end of the chain."""
    return session.scalar(select(AuditHead))


def read_audit_records(session: Session, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the records after that number, in order, in bounded memory."""
    table = AuditRecord.__table__
    query = select(table).where(table.c.number > after).order_by(table.c.number)
    names = table.columns.keys()
    for row in session.execute(_streamed(query)):
        yield dict(zip(names, row, strict=True))


def read_audit_checkpoints(session: Session) -> Iterator[AuditCheckpoint]:
    """Yield the signatures over earlier ends, in order."""
    yield from session.scalars(_streamed(select(AuditCheckpoint).order_by(AuditCheckpoint.number)))


def read_history(session: Session, row: Base) -> list[AuditRecord]:
    """Return the records of a row, oldest first."""
    of_row = (AuditRecord.subject == row.__tablename__, AuditRecord.subject_key == row_key(row))
    return list(session.scalars(select(AuditRecord).where(*of_row).order_by(AuditRecord.number)))


def audited_tables() -> list[type[Base]]:
    """Return all tables whose rows the log binds, by name."""
    tables = [mapper.class_ for mapper in Base.registry.mappers if mapper.class_.audited]
    return sorted(tables, key=lambda one: str(one.__tablename__))


def read_bound_rows(session: Session, table: type[Base]) -> Iterator[BoundRow]:
    """Yield every row of an audited table with its newest record, by key."""
    columns = [getattr(table, one) for one in table.audited]
    newest = _newest_records(table)
    rows = select(*columns, newest.c.state_hash, newest.c.number).outerjoin(
        newest, newest.c.subject_key == columns[0]
    )
    for *values, state_hash, number in session.execute(_streamed(rows.order_by(columns[0]))):
        yield BoundRow(values, state_hash, number)


def read_lost_rows(session: Session, table: type[Base]) -> Iterator[tuple[int, int]]:
    """Yield (key, record number) of rows that are gone and that no record says were removed."""
    key = getattr(table, table.audited[0])
    newest = _newest_records(table)
    lost = select(newest.c.subject_key, newest.c.number).outerjoin(
        table, key == newest.c.subject_key
    )
    lost = lost.where(key.is_(None), newest.c.state_hash.is_not(None))
    for one in session.execute(_streamed(lost)):
        yield one.subject_key, one.number


def _newest_records(table: type[Base]) -> Any:
    """Return the newest record of each row of a table, as a subquery."""
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
