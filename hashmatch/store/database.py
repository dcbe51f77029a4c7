"""The database: how it is opened, how a unit of work begins and ends, what its errors become."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from hashmatch.errors import (
    ConfigError,
    HashmatchError,
    StoreError,
    StoreLockedError,
    StoreMissingError,
    StoreReadOnlyError,
    StoreSchemaError,
)

# The newest migration. A test holds it against the migrations folder, so that opening the
# database does not have to load Alembic.
HEAD_REVISION = "0009"

# Databases with many writers find their own order; this only keeps them within the pool.
_MANY_WRITERS = 15

# SQLite calls back this often (in virtual machine steps, well under a millisecond), so that an
# interrupt stops a statement that runs for seconds.
_STEPS_BETWEEN_INTERRUPT_CHECKS = 100_000


class Database:
    """An open database. Reading and writing are units of work of their own; close it at the end.

    Opening connects to nothing: the first unit of work does.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 10.0) -> None:
        self.url = url
        self._busy_timeout_s = busy_timeout_s
        self._engine = _create_engine(url, busy_timeout_s)
        self._writers = threading.Semaphore(
            1 if self._engine.dialect.name == "sqlite" else _MANY_WRITERS
        )

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One session that sees one state of the database throughout. Raises `StoreError`."""
        with (
            self.connection() as connection,
            connection.begin(),
            Session(connection) as session,
        ):
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One session whose changes are committed together at the end, or not at all.

        Waits up to the busy time-out for its turn. Raises `StoreError`.
        """
        with self.connection() as connection, self.transaction(connection) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One connection for work that needs temporary tables. Raises `StoreError`."""
        with _converted_errors(self.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[Session]:
        """One write on a connection of `connection()`; see `writing`."""
        with self._turn_to_write():
            connection.info["begin"] = "BEGIN IMMEDIATE"
            try:
                with connection.begin(), Session(connection) as session:
                    yield session
                    session.flush()
            finally:
                connection.info.pop("begin", None)

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """Let the threads of this process write in turn.

        SQLite has one writer anyway, and lets those who wait for it starve: they only look now
        and then whether it is their turn.
        """
        if not self._writers.acquire(timeout=self._busy_timeout_s):
            raise _locked(self.name())
        try:
            yield
        finally:
            self._writers.release()

    def require_current_schema(self) -> None:
        """Raise `StoreMissingError` or `StoreSchemaError` unless the schema is this version's."""
        if (path := self.sqlite_path()) is not None and not path.exists():
            raise StoreMissingError(f"{path}: there is no database", hint="Run 'hashmatch init'.")
        revision = self.schema_revision()
        if revision is None:
            raise StoreMissingError(
                f"{self.name()}: the database is empty", hint="Run 'hashmatch init'."
            )
        if revision != HEAD_REVISION:
            newer = revision > HEAD_REVISION  # They are numbered.
            raise StoreSchemaError(
                f"{self.name()}: the schema is version {revision}, this program needs"
                f" {HEAD_REVISION}",
                hint="A newer hashmatch wrote it: install that one."
                if newer
                else "Run 'hashmatch db upgrade'.",
            )

    def require_writable(self) -> None:
        """Raise `StoreLockedError` or `StoreReadOnlyError` where a match could not be recorded."""
        with self.writing() as session:
            session.execute(text("UPDATE alembic_version SET version_num = version_num"))
            session.rollback()

    def schema_revision(self) -> str | None:
        """Return the migration that the database is at, or None when it has no schema."""
        with self.connection() as connection:
            if not self._engine.dialect.has_table(connection, "alembic_version"):
                return None
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if revision is None else str(revision)

    def sqlite_path(self) -> Path | None:
        """Return the file of an SQLite database, None for any other."""
        url = make_url(self.url)
        if url.get_backend_name() != "sqlite" or not url.database:
            return None
        return Path(url.database.removeprefix("file:"))

    def use_write_ahead_log(self) -> None:
        """Let readers go on while somebody writes; SQLite remembers it in the file."""
        if self.sqlite_path() is None:
            return
        with _converted_errors(self.url), closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")

    def forget_deleted(self) -> bool:
        """Take what was deleted out of SQLite's log, too; say whether nobody stood in the way."""
        if self.sqlite_path() is None:
            return True
        with _converted_errors(self.url), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row = cursor.fetchone()
            return row is not None and row[0] == 0

    def name(self) -> str:
        """Return what to call the database in messages: its file, or its URL without password."""
        return str(self.sqlite_path() or make_url(self.url).render_as_string(hide_password=True))

    def close(self) -> None:
        """Give up all connections."""
        self._engine.dispose()


def create_private_file(path: Path) -> None:
    """Create an empty file that only its owner may read, and its folder; keep what is there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be created: {error.strerror}",
            hint="Choose another place with --data-dir or HASHMATCH_DATA_DIR.",
        ) from error


def _create_engine(url: str, busy_timeout_s: float) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise ConfigError(
                "database.url: a database in memory would forget every match",
                hint="Name a file: sqlite:////absolute/path/hashmatch.db",
            )
        # For the sake of debugging it would write whole rows to the log, hashes and all.
        logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
        engine = create_engine(url, hide_parameters=True, **_sqlite_only(url, busy_timeout_s))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            "database.url: this is not a database that hashmatch can open",
            hint="Use sqlite:////absolute/path/hashmatch.db, or leave it empty.",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _sqlite_only(url: str, busy_timeout_s: float) -> dict[str, Any]:
    if make_url(url).get_backend_name() != "sqlite":
        return {}
    return {"connect_args": {"timeout": busy_timeout_s}}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control would begin too late for a read to be one snapshot;
    # _begin_sqlite begins instead.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # A committed match survives a power cut: FULL syncs the write-ahead log at each commit.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("PRAGMA temp.cache_size = -16000")
    connection.set_progress_handler(lambda: 0, _STEPS_BETWEEN_INTERRUPT_CHECKS)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))


@contextmanager
def _converted_errors(url: str) -> Iterator[None]:
    try:
        yield
    except HashmatchError:
        raise
    except PoolTimeoutError as error:
        raise StoreError(
            f"{make_url(url).database}: all connections to the database are in use",
            hint="Scan from fewer threads at a time.",
        ) from error
    except (DBAPIError, sqlite3.Error) as error:
        cause = _first_cause(error.orig if isinstance(error, DBAPIError) else error)
        # An exception inside SQLite's progress callback, which only Ctrl-C can raise, comes out
        # as "interrupted".
        if getattr(cause, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise KeyboardInterrupt from error
        raise _store_error(url, cause) from error


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


def _locked(name: str) -> StoreLockedError:
    return StoreLockedError(
        f"{name}: the database is locked by another writer",
        hint="Wait for it to finish, or raise database.busy_timeout_s.",
    )


def _store_error(url: str, cause: BaseException | None) -> StoreError:
    name = str(make_url(url).database or url)
    code = getattr(cause, "sqlite_errorname", "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _locked(name)
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreReadOnlyError(
            f"{name}: the database cannot be opened for writing",
            hint="Matches have to be recorded: check who may write the file and its folder.",
        )
    if code == "SQLITE_NOTADB":
        return StoreSchemaError(f"{name}: this file is not a hashmatch database")
    # Only the driver's own sentence: SQLAlchemy's would quote the statement.
    return StoreError(f"{name}: {cause}", hint="Look at the disk, then run 'hashmatch db check'.")
