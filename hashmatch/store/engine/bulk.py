"""Audit records of rows that were written in bulk, without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy.orm import Session

from ..schema import Base
from .audit_log import audit


def audit_rows(
    session: Session,
    action: str,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    facts: Sequence[Mapping[str, object]],
) -> None:
    """Record an action about each of the rows, which have all `audited` columns of their table.

    `facts` has those of each row, in the same order.
    """
    for row, own in zip(rows, facts, strict=True):
        audit(session, action, cast("Base", _BulkRow(table, row)), own)


class _BulkRow:
    """The values of a row, with the attributes of its table that the audit log reads."""

    def __init__(self, table: type[Base], values: Mapping[str, Any]) -> None:
        self.__tablename__ = table.__tablename__
        self.audited = table.audited
        self._values = values

    def __getattr__(self, name: str) -> object:
        return self._values[name]
