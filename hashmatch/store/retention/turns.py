"""Turns of retention: what one removed, and where the next goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from ..engine import among, audit
from ..schema import Base


@dataclass(frozen=True, slots=True)
class Place:
    """Place of a row in the order in which rows grow old."""

    moment: datetime
    key: int


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows that a turn removed, by table, and the place after which the next one goes on.

    Where `is_last`, nothing old is beyond that place.
    """

    rows: Counter[str] = field(default_factory=Counter)
    following: Place | None = None
    is_last: bool = False


def remove_audited(session: Session, table: type[Base], keys: Sequence[int]) -> None:
    """Remove audited rows, and record it."""
    delete_keys(session, getattr(table, table.audited[0]), keys)
    for key in keys:
        audit(session, "retention.removed", None, {}, removed=(table.__tablename__, key))


def delete_keys(session: Session, key: Any, keys: Sequence[int]) -> None:
    """Delete the rows with these keys."""
    if keys:
        # The table itself: what is deleted so was never loaded.
        column = key.class_.__table__.c[key.key]
        session.execute(delete(column.table).where(among(session, column, keys)))


def count_rows(session: Session, query: Select[Any]) -> int:
    """Return the number of rows of a query."""
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0
