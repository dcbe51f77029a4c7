"""Store that somebody else is writing to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from hashmatch.store.engine import Database

_TABLES = "lists, entries, contents, matches, daily_counts, outbox"


@contextmanager
def somebody_writes(database: Database) -> Iterator[None]:
    """Keep everybody else from writing; they may read."""
    with database.connection() as connection, database.transaction(connection) as session:
        if database.sqlite_path() is None:  # It would let others at what this one leaves alone.
            session.execute(text(f"LOCK TABLE {_TABLES} IN EXCLUSIVE MODE"))
        yield
