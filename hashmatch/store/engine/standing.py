"""Standing question: one query that every scan asks, on a connection that is kept for it.

Taking a connection from the pool, beginning, asking through the ORM and ending took 1.2 ms; asking
here whether anything changed takes 10 µs on SQLite, and one round trip on PostgreSQL.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import ClauseElement

from .database import Database

Rows: TypeAlias = tuple[tuple[Any, ...], ...]


class StandingQuestion:
    """One query without parameters, for one thread at a time; close it at the end.

    Its connection is opened at the first question, and again after a fork or where it broke.
    """

    def __init__(self, database: Database, query: ClauseElement) -> None:
        self._database = database
        self._statement = database.as_text(query)
        self._connection: Any = None
        self._owner = 0
        self._rows: Rows | None = None
        # Of SQLite: the version of the data, and the time at which the file itself was written.
        self._version: int | None = None
        self._written_at_ns: int | None = None

    def ask(self) -> Rows:
        """Return the rows of this moment: the very same tuple where they cannot have changed.

        Raises `StoreError`.
        """
        if self._owner != os.getpid():
            self._leave_to_parent()
        with self._database.converted_errors():
            if self._database.sqlite_path() is None:
                self._rows = self._answered(self._fetch)
            else:
                self._follow_file()
            if self._rows is None:
                self._rows = self._fetch()
        return self._rows

    def close(self) -> None:
        """Give up the connection."""
        connection, self._connection, self._rows = self._connection, None, None
        if connection is not None:
            self._database.close_driver_connection(connection)

    def _follow_file(self) -> None:
        """Forget the rows if any other connection has committed anything since."""
        written_at_ns = self._database.require_same_file()
        if written_at_ns != self._written_at_ns:
            # Checkpoints write to the file itself, but so does who copies another over it, which
            # a connection with pages in its memory would not notice.
            self.close()
            self._written_at_ns = written_at_ns
        # Before the rows, which are then at least as new.
        (version,) = self._opened().execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version, self._rows = version, None

    def _fetch(self) -> Rows:
        return tuple(self._opened().execute(self._statement).fetchall())

    def _answered(self, ask: Callable[[], Rows]) -> Rows:
        """Ask once more on a new connection where the one that was kept had broken meanwhile."""
        former = self._connection
        try:
            return ask()
        except Exception:
            if former is None or not former.closed:
                raise
            self.close()
        return ask()

    def _opened(self) -> Any:
        if self._connection is None:
            self._connection = self._database.open_driver_connection()
            self._version = None
        return self._connection

    def _leave_to_parent(self) -> None:
        """Forget the connection of a parent process, which the database holds on to."""
        self._connection, self._rows, self._owner = None, None, os.getpid()
