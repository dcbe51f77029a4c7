"""Doors of a service, by file and by port, and clients that say what they are to say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from tests.pictures import list_of
from tests.service.serving import PATIENCE_S, free_port, serving
from tests.store.importing import import_text

MAX_BYTES = 300_000
OPTIONS = b"OPTIONS icap://localhost/hashmatch ICAP/1.0\r\nHost: localhost\r\n\r\n"


class Doors:
    """Addresses of a service's doors, and clients that say what they are to say."""

    def __init__(self, path: Path, port: int, icap: int, database: Database) -> None:
        self.path, self.port, self.icap = path, port, icap
        self.database = database

    @contextmanager
    def clamd(self, *, by_port: bool = False) -> Iterator[socket.socket]:
        """Connect to the door of clamd."""
        with socket.socket(socket.AF_INET if by_port else socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(("127.0.0.1", self.port) if by_port else str(self.path))
            yield connection

    def told(self, *messages: bytes, by_port: bool = False) -> bytes:
        """Return all that the door of clamd answers to some messages."""
        with self.clamd(by_port=by_port) as connection:
            with suppress(OSError):  # It may be closed at once.
                for one in messages:
                    connection.sendall(one)
                connection.shutdown(socket.SHUT_WR)
            return rest_of(connection)

    def asked(self, message: bytes) -> bytes:
        """Return all that the door of ICAP answers."""
        with socket.create_connection(("127.0.0.1", self.icap), timeout=60) as connection:
            with suppress(OSError):  # It may be closed at once.
                connection.sendall(message)
                connection.shutdown(socket.SHUT_WR)
            return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the other end closes a connection."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionError:
        pass  # It was closed with something unread.
    return received


@contextmanager
def serving_doors(
    settings: Settings, database: Database, folder: Path, **doors: Any
) -> Iterator[Doors]:
    """Serve doors over a list of drawings 1 and 2."""
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
    path, port, icap = folder / "clamd.sock", free_port(), free_port()
    with ExitStack() as opened:
        for place, address in (("clamd", f"unix:{path}"), ("clamd", f"127.0.0.1:{port}")):
            given = {"icap": f"127.0.0.1:{icap}" if address.startswith("unix") else "", **doors}
            chosen = Settings.model_validate(
                {
                    "data_dir": settings.data_dir,
                    "database": {"url": settings.database_url},
                    "intake": {"isolation": "none", "workers": 2, "max_bytes": MAX_BYTES},
                    "service": {"body_timeout_s": 20},
                    "doors": {place: address, **given},
                }
            )
            opened.enter_context(serving(chosen, database))
        yield Doors(path, port, icap, database)


@contextmanager
def open_doors(folder: Path) -> Iterator[Doors]:
    """Yield the doors of two services over a store of their own in a folder."""
    settings = Settings.model_validate({"data_dir": folder})
    with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as database:
        upgrade(database)
        with serving_doors(settings, database, folder) as doors:
            yield doors
