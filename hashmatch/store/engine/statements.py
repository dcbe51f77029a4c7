"""Statements that the two databases write differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import sqlalchemy.dialects.sqlite as sqlite_dialect
from sqlalchemy import CursorResult, UpdateBase, text
from sqlalchemy.orm import Session

from ..schema import Base

if TYPE_CHECKING:
    import sqlalchemy.dialects.postgresql as postgresql_dialect

Upsert: TypeAlias = "sqlite_dialect.Insert | postgresql_dialect.Insert"


def is_sqlite(session: Session) -> bool:
    """Say whether the session is one of SQLite, where one writer at a time is the rule."""
    return session.get_bind().dialect.name == "sqlite"


def overwrite_deleted(session: Session) -> None:
    """Let SQLite overwrite what this connection deletes; PostgreSQL is vacuumed afterwards.

    Not set always: it costs an import a tenth of its speed.
    """
    if is_sqlite(session):
        session.execute(text("PRAGMA secure_delete = ON"))


def upsert(session: Session, table: type[Base]) -> Upsert:
    """Return an insertion that may say what to do where the row is there already.

    Several writers may insert the same row at once, so that looking before is not enough.
    """
    if is_sqlite(session):
        return sqlite_dialect.insert(table)
    # Takes as long to load as all of a help page, and most installations do without it.
    import sqlalchemy.dialects.postgresql as postgresql_dialect

    return postgresql_dialect.insert(table)


def affected_rows(session: Session, statement: UpdateBase) -> int:
    """Execute the statement and return how many rows it changed."""
    options = {"preserve_rowcount": True}  # Of insertions, too.
    result = session.execute(statement, execution_options=options)
    return cast("CursorResult[object]", result).rowcount
