"""Statements that the two databases write differently."""

from __future__ import annotations

from typing import TypeAlias, cast

import sqlalchemy.dialects.postgresql as postgresql_dialect
import sqlalchemy.dialects.sqlite as sqlite_dialect
from sqlalchemy import Connection, CursorResult, Table, UpdateBase, text
from sqlalchemy.orm import Session

from ..schema import Base

Upsert: TypeAlias = sqlite_dialect.Insert | postgresql_dialect.Insert


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
    return sqlite_dialect.insert(table) if is_sqlite(session) else postgresql_dialect.insert(table)


def ignoring(connection: Connection, table: Table | type[Base]) -> Upsert:
    """Return an insertion that leaves out rows that would repeat a key.

    One from a selection has to have a condition, where SQLite begins to read the clause.
    """
    if connection.dialect.name == "sqlite":
        return sqlite_dialect.insert(table).on_conflict_do_nothing()
    return postgresql_dialect.insert(table).on_conflict_do_nothing()


def affected_rows(session: Session, statement: UpdateBase) -> int:
    """Execute the statement and return how many rows it changed."""
    options = {"preserve_rowcount": True}  # Of insertions, too.
    result = session.execute(statement, execution_options=options)
    return cast("CursorResult[object]", result).rowcount
