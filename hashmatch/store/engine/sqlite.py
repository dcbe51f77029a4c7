"""SQLite, the database that needs nothing: how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from hashmatch.errors import (
    ConfigError,
    StoreError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreSchemaError,
    StoreSlowError,
)

# SQLite calls back this often (in virtual machine steps, well under a millisecond), so that an
# interrupt stops a statement that runs for seconds.
_STEPS_BETWEEN_INTERRUPT_CHECKS = 100_000
# The log is tried to be emptied for so long at a time.
_MOMENT_MS, _PAUSE_S = 20, 0.1


def open_engine(url: URL, busy_timeout_s: float) -> Engine:
    """Return an engine that has not connected yet. Raises `ConfigError`."""
    if url.database in (None, "", ":memory:"):
        raise ConfigError(
            "database.url: a database in memory would forget every match",
            hint="Name a file: sqlite:////absolute/path/hashmatch.db",
        )
    arguments = {"timeout": busy_timeout_s}
    engine = create_engine(url, hide_parameters=True, connect_args=arguments)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def limited(connection: Connection, name: str, limit_s: float) -> Iterator[None]:
    """Stop what is read in the block once it has taken so long. Raises `StoreSlowError`."""
    driver: Any = connection.connection.driver_connection
    deadline_s = time.monotonic() + limit_s
    driver.set_progress_handler(
        lambda: time.monotonic() > deadline_s, _STEPS_BETWEEN_INTERRUPT_CHECKS
    )
    try:
        yield
    except DBAPIError as error:
        if time.monotonic() > deadline_s and is_interrupt(error.orig):
            raise StoreSlowError(
                f"{name}: the database takes too long over this",
                hint="Ask for a shorter period, or again when less goes on.",
            ) from error
        raise
    finally:
        driver.set_progress_handler(lambda: 0, _STEPS_BETWEEN_INTERRUPT_CHECKS)


def empty_log(driver: sqlite3.Connection, patience_s: float) -> bool:
    """Empty the write-ahead log; say whether no reader prevented it.

    Writers wait meanwhile, so that it is tried for moments, until all readers have gone on.
    """
    deadline_s = time.monotonic() + patience_s
    driver.execute(f"PRAGMA busy_timeout = {_MOMENT_MS}")
    try:
        while True:
            row = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if row is not None and row[0] == 0:
                return True
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_PAUSE_S)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(patience_s * 1000)}")


def is_interrupt(cause: BaseException | None) -> bool:
    """Say whether Ctrl-C ended a statement.

    An exception inside the progress callback, which only Ctrl-C can raise, comes out like that.
    """
    return getattr(_first_cause(cause), "sqlite_errorname", "") == "SQLITE_INTERRUPT"


def store_error(name: str, cause: BaseException | None) -> StoreError:
    """Return what an error of the driver means; `name` is the database's own."""
    cause = _first_cause(cause)
    code = getattr(cause, "sqlite_errorname", "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return locked(name)
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreReadOnlyError(
            f"{name}: the database cannot be opened for writing",
            hint="Matches have to be recorded: check who may write the file and its folder.",
        )
    if code == "SQLITE_NOTADB":
        return StoreSchemaError(f"{name}: this file is not a hashmatch database")
    # Only the driver's own sentence: SQLAlchemy's would quote the statement.
    return StoreError(f"{name}: {cause}", hint="Look at the disk, then run 'hashmatch db check'.")


def locked(name: str) -> StoreLockedError:
    """Return the error of a database that somebody else is writing."""
    return StoreLockedError(
        f"{name}: the database is locked by another writer",
        hint="Wait for it to finish, or raise database.busy_timeout_s.",
    )


def _first_cause(error: BaseException | None) -> BaseException | None:
    """Return the error that counts, where rolling back after it failed as well.

    An interrupt or a full disk makes SQLite end the whole transaction by itself, savepoints and
    all; that a savepoint is then not found tells nobody what happened.
    """
    while error is not None and "no such savepoint" in str(error):
        earlier = error.__context__
        while earlier is not None and not isinstance(earlier, sqlite3.Error):
            earlier = earlier.__context__
        if earlier is None:
            break
        error = earlier
    return error


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control would begin too late for a read to be one snapshot;
    # _begin begins instead.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # A committed match survives a power cut: FULL syncs the write-ahead log at each commit.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("PRAGMA temp.cache_size = -16000")
    connection.set_progress_handler(lambda: 0, _STEPS_BETWEEN_INTERRUPT_CHECKS)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))
