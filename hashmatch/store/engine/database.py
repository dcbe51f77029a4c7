"""Database: connections, units of work, and the conversion of driver errors."""

from __future__ import annotations

import logging
import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import ClauseElement, Connection, Engine, Pool, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoResultFound, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from hashmatch.errors import (
    ConfigError,
    HashmatchError,
    StoreConflictError,
    StoreError,
    StoreMissingError,
    StoreSchemaError,
)

from . import postgresql, sqlite
from .audit_log import Seal, write_batches
from .database_file import DatabaseFile
from .sealer import Sealer
from .turns import Turns
from .writers import PATIENCE_S, WriterQueue

# The newest migration. A test holds it against the migrations folder, so that opening the
# database does not have to load Alembic.
HEAD_REVISION = "0038"
# The tables that rows are deleted from.
_FORGETTABLE = (
    "entries, entry_changes, unsupported_hashes, quarantined_rows, matches, allowed_matches,"
    " content_hashes, contents, cases, case_notes, uploader_details, ncmec_reports, outbox,"
    " daily_counts, audit_batches, backfill_results, backfill_shards, exchange_items"
)
_opened: weakref.WeakSet[Database] = weakref.WeakSet()
_of_parents: list[Pool] = []


def _leave_to_parent() -> None:
    for one in list(_opened):
        one.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)

# The mark of a session that writes, and locks the rows that it looks up.
WRITES = "writes"


class Database:
    """An open database, read and written in units of work; close it at the end.

    Opening connects to nothing: the first unit of work does. `actor` is the actor that the audit
    log names by default, and `seal` the key that signs it.
    """

    def __init__(
        self,
        url: str,
        *,
        busy_timeout_s: float = 10.0,
        actor: str = "hashmatch",
        seal: Seal | None = None,
    ) -> None:
        self.url = url
        self.actor = actor
        self._seal = seal
        self.busy_timeout_s = busy_timeout_s
        self._engine = _create_engine(url, busy_timeout_s)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._driver_connections: list[tuple[int, Any]] = []
        self._path = _sqlite_path(make_url(url))
        self._file = None if self._path is None else DatabaseFile(self._path)
        if self._file is not None:
            event.listen(self._engine, "connect", self._note_opened)
        self._begin()
        _opened.add(self)

    def _begin(self) -> None:
        """Make what belongs to one process alone."""
        # Databases with many writers find their own order; this only keeps them within the pool.
        places = 1 if self._is_sqlite else postgresql.MAX_WRITERS
        self._writers = WriterQueue(places, self.sqlite_path())
        self._sealer = Sealer(self.reading, self.writing, self._seal)

    def leave_to_parent(self) -> None:
        """Start again in a process that was forked: connections and turns are its parent's.

        A thread of the parent may have held any of them at that moment.
        """
        # Connections that nobody refers to would be closed, which the parent may still use.
        _of_parents.append(self._engine.pool)
        self._engine.dispose(close=False)
        self._begin()

    @contextmanager
    def reading(self, *, limit_s: float | None = None) -> Iterator[Session]:
        """One session that sees one state of the database throughout. Raises `StoreError`.

        With a limit no query of it goes on for longer; then it raises `StoreSlowError`.
        """
        with self.connection() as connection:
            if not self._is_sqlite:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with (
                connection.begin(),
                self._limited(connection, limit_s),
                Session(connection) as session,
            ):
                yield session

    def _limited(
        self, connection: Connection, limit_s: float | None
    ) -> AbstractContextManager[None]:
        if limit_s is None:
            return nullcontext()
        limited = sqlite.limited if self._is_sqlite else postgresql.limited
        return limited(connection, self.name(), limit_s)

    @contextmanager
    def writing(self, actor: str = "", *, background: bool = False) -> Iterator[Session]:
        """One session whose changes are committed together at the end, or not at all.

        Waits up to the busy time-out for its turn; a `background` one lets others go first for a
        moment. The audit log names `actor`. Raises `StoreError`.
        """
        with (
            self.connection() as connection,
            self.transaction(connection, actor, background=background) as session,
        ):
            yield session

    def turns(self, actor: str = "") -> Turns:
        """Return the turns of long work; see `Turns`."""
        return Turns(lambda: self.writing(actor, background=True))

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One connection for work that needs temporary tables. Raises `StoreError`."""
        self.require_same_file()
        with _converted_errors(self.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(
        self, connection: Connection, actor: str = "", *, background: bool = False
    ) -> Iterator[Session]:
        """One write on a connection of `connection()`; see `writing`."""
        if background and not self._is_sqlite:
            postgresql.let_others_go_first(connection, PATIENCE_S)
        with self._writers.turn(self.busy_timeout_s, background=background) as has_turn:
            if not has_turn:
                raise sqlite.locked(self.name())
            connection.info["begin"] = "BEGIN IMMEDIATE"
            has_records = False
            try:
                with (
                    connection.begin(),
                    Session(connection, info={WRITES: True}) as session,
                ):
                    yield session
                    session.flush()
                    has_records = write_batches(session, actor or self.actor, self._seal)
                # What was committed to a file that nobody finds any more is not recorded.
                self.require_same_file()
            finally:
                connection.info.pop("begin", None)
        if has_records:
            self._sealer.notice()

    def require_current_schema(self) -> None:
        """Raise `StoreMissingError` or `StoreSchemaError` unless the schema is this version's."""
        if (path := self.sqlite_path()) is not None and not path.exists():
            raise StoreMissingError(f"{path}: there is no database", hint="Run 'hashmatch init'.")
        revision = self.schema_revision()
        if revision is None:
            hint = "Run 'hashmatch init'." if path is not None else "Run 'hashmatch db upgrade'."
            raise StoreMissingError(f"{self.name()}: the database is empty", hint=hint)
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

    def require_reachable(self) -> None:
        """Raise `StoreError` where the database does not answer."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def require_same_file(self) -> int:
        """Return when an SQLite file was last written, in nanoseconds; 0 for other databases.

        Takes microseconds. Raises `StoreExchangedError` where it is not the file that was opened.
        """
        return 0 if self._file is None else self._file.require_same()

    def schema_revision(self) -> str | None:
        """Return the migration that the database is at, or None when it has no schema."""
        with self.connection() as connection:
            if not self._engine.dialect.has_table(connection, "alembic_version"):
                return None
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if revision is None else str(revision)

    def sqlite_path(self) -> Path | None:
        """Return the file of an SQLite database, None for any other."""
        return self._path

    def use_write_ahead_log(self) -> None:
        """Let readers continue beside a writer; SQLite stores the mode in the file."""
        if self._is_sqlite:
            with self._raw_connection() as connection:
                connection.cursor().execute("PRAGMA journal_mode = WAL")

    def forget_deleted(self) -> bool:
        """Remove deleted rows from SQLite's log, too; say whether no other process prevented it.

        PostgreSQL is vacuumed; its own log and backups are its operator's.
        """
        with self._raw_connection() as connection:
            if self._is_sqlite:
                return sqlite.empty_log(connection.driver_connection, self.busy_timeout_s)
            connection.driver_connection.autocommit = True
            connection.cursor().execute(f"VACUUM {_FORGETTABLE}")
            connection.invalidate()
            return True

    def open_driver_connection(self) -> Any:
        """Return a connection of the driver's own, outside the pool, which commits by itself.

        `close_driver_connection` ends it, or `close`. The caller converts errors.
        """
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        if not self._is_sqlite:
            connection.autocommit = True
        self._driver_connections.append((os.getpid(), connection))
        return connection

    def close_driver_connection(self, connection: Any) -> None:
        """Close a connection of `open_driver_connection`."""
        self._driver_connections = [
            one for one in self._driver_connections if one[1] is not connection
        ]
        connection.close()

    def as_text(self, query: ClauseElement) -> str:
        """Return a query as this database's driver takes it, with its values written out."""
        options = {"literal_binds": True}
        return str(query.compile(dialect=self._engine.dialect, compile_kwargs=options))

    @contextmanager
    def converted_errors(self) -> Iterator[None]:
        """Raise errors of the driver inside the block as `StoreError`."""
        with _converted_errors(self.url):
            try:
                yield
            except self._engine.dialect.loaded_dbapi.Error as error:
                if self._is_sqlite:
                    raise
                raise postgresql.store_error(_shown_name(make_url(self.url)), error) from None

    def _note_opened(self, *_: object) -> None:
        if self._file is not None:
            self._file.note_opened()

    @contextmanager
    def _raw_connection(self) -> Iterator[Any]:
        with _converted_errors(self.url), closing(self._engine.raw_connection()) as connection:
            yield connection

    def name(self) -> str:
        """Return the name of the database in messages: its file, or its host and name.

        Nothing else of its URL, whose query may hold a password.
        """
        url = make_url(self.url)
        return str(self._path or f"{url.database or ''} at {url.host or 'this host'}")

    def start_sealing(self) -> None:
        """Seal audit records soon after they are committed, those of other processes included.

        Starts by itself with the first record that this process writes.
        """
        self._sealer.start()

    def seal_records(self) -> None:
        """Seal all audit records that verify, now. Raises `StoreError`."""
        self._sealer.seal_all()

    def close(self) -> None:
        """Seal the audit records of this process, and give up all connections."""
        self._sealer.close()
        for owner, connection in self._driver_connections:
            if owner == os.getpid():  # Closed here, that of a parent process would end there.
                connection.close()
        self._engine.dispose()


def create_private_file(path: Path) -> None:
    """Create an empty file that only its owner may read, and its folder; keep an existing one."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be created: {error.strerror}",
            hint="Choose another place with --data-dir or HASHMATCH_DATA_DIR.",
        ) from error


def _create_engine(url: str, busy_timeout_s: float) -> Engine:
    # At lower levels it would write rows to the log, hashes included.
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
    hint = "Use sqlite:////absolute/path/hashmatch.db, postgresql://..., or leave it empty."
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return sqlite.open_engine(parsed, busy_timeout_s)
        if parsed.get_backend_name() == "postgresql":
            hint = "PostgreSQL needs an extra: pip install 'hashmatch[postgresql]'"
            return postgresql.open_engine(parsed, busy_timeout_s)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        problem = "database.url: this is not a database that hashmatch can open"
        raise ConfigError(problem, hint=hint) from error
    raise ConfigError("database.url: this is not a database that hashmatch can open", hint=hint)


def _sqlite_path(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database.removeprefix("file:"))


def _shown_name(url: URL) -> str:
    if url.host is None:
        return str(url.database or "the database")
    return f"{url.database or ''} at {url.host}{'' if url.port is None else f':{url.port}'}"


@contextmanager
def _converted_errors(url: str) -> Iterator[None]:
    try:
        yield
    except HashmatchError:
        raise
    except PoolTimeoutError as error:
        raise StoreError(
            f"{_shown_name(make_url(url))}: all connections to the database are in use",
            hint="Scan from fewer threads at a time.",
        ) from error
    except (NoResultFound, ObjectDeletedError, StaleDataError) as error:
        raise StoreConflictError(
            f"{_shown_name(make_url(url))}: another writer removed what was to be read or changed",
            hint="Try again.",
        ) from error
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            # Without the driver's error, which quotes rows and would stand in a traceback.
            raise postgresql.store_error(_shown_name(parsed), cause) from None
        if sqlite.is_interrupt(cause):
            raise KeyboardInterrupt from error
        raise sqlite.store_error(_shown_name(parsed), cause) from error
