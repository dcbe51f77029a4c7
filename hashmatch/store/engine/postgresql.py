"""PostgreSQL, the database of many hosts: how it is opened, and what its errors mean."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from hashmatch.errors import (
    StoreConflictError,
    StoreError,
    StoreLockedError,
    StoreMissingError,
    StoreReadOnlyError,
    StoreSlowError,
    StoreUnreachableError,
)

# Writers at a time in one process, and as many readers that wait for nobody.
MAX_WRITERS = 15
_MAX_CONNECTIONS = 2 * MAX_WRITERS
# A server that cannot be connected to, or whose host is gone, is given up after so long. One that
# stands still while its host goes on is not noticed here; the caller has to limit the wait.
_CONNECT_TIMEOUT_S = 5
_SILENCE_TIMEOUT_MS = 10_000
# The server for its part ends what was begun by a client that is gone, so that its locks go, too.
# A list that is imported may take its time between two batches.
_SERVER_OPTIONS = {
    "idle_in_transaction_session_timeout": "30min",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20s",
    "timezone": "UTC",
}
_LOCKED = "55P03"
# Deadlocks, and rows that came or went between two statements.
_CONFLICTS = {"40P01", "40001", "23503", "23505"}
# No permission, a read-only transaction, as on a standby.
_READ_ONLY = {"42501", "25006"}
# Whether any session of this database waits for a lock of another.
_SOMEBODY_WAITS = text(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE NOT granted AND datname = current_database())"
)
_LOOK_AGAIN_S = 0.01
_NO_SUCH_DATABASE = "3D000"
_STOPPED = "57014"
# Until the end of the transaction.
_LIMIT = text("SELECT set_config('statement_timeout', :limit, true)")
# Of a refused login only the words tell.
_REFUSED = ("authentication failed", "no pg_hba.conf entry", "no password supplied")
# Connections refused, broken or ended by an operator; too many of them.
_UNREACHABLE = ("08", "57P", "53300")


def open_engine(url: URL, busy_timeout_s: float) -> Engine:
    """Return an engine that has not connected yet. Raises what importing the driver raises."""
    lock_timeout_ms = max(int(busy_timeout_s * 1000), 1)
    options = {"lock_timeout": f"{lock_timeout_ms}ms", **_SERVER_OPTIONS}
    # Imported here: most installations do without it.
    from psycopg import RawCursor, RawServerCursor
    from psycopg.types.array import ListBinaryDumper

    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=MAX_WRITERS,
        max_overflow=_MAX_CONNECTIONS - MAX_WRITERS,
        pool_timeout=max(busy_timeout_s, 1),
        # A connection that broke while nobody used it is replaced, not handed out.
        pool_pre_ping=True,
        # The server's own: the driver's is translated in Python, character by character.
        paramstyle="numeric_dollar",
        connect_args={
            "cursor_factory": RawCursor,
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "application_name": "hashmatch",
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": _SILENCE_TIMEOUT_MS,
        },
    )

    @event.listens_for(engine, "connect")
    def _set_cursors(connection: Any, _: object) -> None:
        connection.server_cursor_factory = RawServerCursor
        # As text each item is quoted by itself, in Python.
        connection.adapters.register_dumper(list, ListBinaryDumper)

    return engine


@contextmanager
def limited(connection: Connection, _: str, limit_s: float) -> Iterator[None]:
    """Stop each query of the block, which is within a transaction, once it has taken so long.

    What the driver then raises is a `StoreSlowError` in `store_error`.
    """
    connection.execute(_LIMIT, {"limit": f"{max(int(limit_s * 1000), 1)}ms"})
    yield


def let_others_go_first(connection: Connection, patience_s: float) -> None:
    """Wait, up to that long, while any session waits for a lock.

    Only rows are locked here, so that this is rare; long work then adds nothing to it.
    """
    until_s = time.monotonic() + patience_s
    while connection.scalar(_SOMEBODY_WAITS) and time.monotonic() < until_s:
        connection.rollback()
        time.sleep(_LOOK_AGAIN_S)
    connection.rollback()


def store_error(name: str, cause: BaseException | None) -> StoreError:
    """Return what an error of the driver means; `name` is the database's own.

    The driver's own words are left out, since they quote rows.
    """
    code = getattr(cause, "sqlstate", None)
    if code == _LOCKED:
        return StoreLockedError(
            f"{name}: the database is locked: somebody else holds what it needs",
            hint="Wait for it to finish, or raise database.busy_timeout_s.",
        )
    if code in _CONFLICTS:
        return StoreConflictError(
            f"{name}: two writers stood in each other's way (SQLSTATE {code})", hint="Try again."
        )
    if code == _STOPPED:
        return StoreSlowError(
            f"{name}: the database takes too long over this",
            hint="Ask for a shorter period, or again when less goes on.",
        )
    if code in _READ_ONLY:
        return StoreReadOnlyError(
            f"{name}: the database may not be written by this user, or is a standby",
            hint="Matches have to be recorded: grant the rights, or name the primary server.",
        )
    if code == _NO_SUCH_DATABASE or (code is None and "does not exist" in str(cause)):
        return StoreMissingError(
            f"{name}: the server has no such database or user",
            hint="Create it with 'createdb', then run 'hashmatch db upgrade'.",
        )
    if code is None and any(words in str(cause) for words in _REFUSED):
        return StoreError(
            f"{name}: the database server refuses this name and password",
            hint="Check database.url or HASHMATCH_DATABASE_URL, and what the server allows.",
        )
    kind = type(cause).__name__
    if code is None or code.startswith(_UNREACHABLE):
        return StoreUnreachableError(
            f"{name}: the database server cannot be reached ({kind})",
            hint="Check that it runs, and database.url; hashmatch reconnects by itself.",
        )
    return StoreError(f"{name}: the database refused ({kind}, SQLSTATE {code})")
