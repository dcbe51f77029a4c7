"""The installation of a long run: folders, database, lists, keys, and hashmatch's processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import hashmatch
from benchmarks.serving import free_port, is_ready
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.store.tokens import Scope, create_token
from tests.postgresql import StoppableServer

from .pictures import ALGORITHMS, CHANGING, LISTED, Files, hashes_of

_PATIENCE_S = 120.0
# Cases that people dismissed, and messages that were sent, may be removed after half a minute.
_RETENTION_DAYS = 30 / 86_400
# Entries of nothing that is sent: small lists are matched in a way of their own.
_OTHERS = 2_000


@dataclass
class World:
    """Folders and processes of one run."""

    folder: Path
    url: str
    server: StoppableServer | None
    port: int
    hook: int

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "hashmatch.toml"

    @property
    def delivery(self) -> Path:
        """The file that the list is synced from."""
        return self.folder / "shared.csv"

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        return {
            **os.environ,
            "BENCHMARK_SECRET": "secret",
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": str(Path(hashmatch.__file__).parents[1]),
        }

    def start(self, *arguments: str, **given: Any) -> psutil.Popen:
        """Start a command."""
        command = [sys.executable, "-m", "hashmatch", "--config", str(self.config), *arguments]
        return psutil.Popen(
            command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, **given
        )

    def run(self, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        """Run a command with --json to its end; return its code, its rows and its messages."""
        with self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            rows, messages = process.communicate()
        found = [json.loads(line) for line in rows.decode().splitlines() if line.startswith("{")]
        return process.returncode, found, messages.decode()

    def write_delivery(self, files: Files, listed: Iterable[int]) -> None:
        """Replace the file that the list is synced from, at once."""
        new = self.delivery.with_suffix(".new")
        rows = [
            f"{name},{one.value.hex()},e{picture},A"
            for picture in sorted(listed)
            for name, one in _hashes_once(files, picture).items()
        ]
        rows += [f"sha256,{number:064x},o{number},B" for number in range(1, _OTHERS + 1)]
        new.write_text("\n".join(["algorithm,value,entry_id,category", *rows]) + "\n")
        new.replace(self.delivery)


_hashes: dict[int, dict[str, Any]] = {}


def _hashes_once(files: Files, picture: int) -> dict[str, Any]:
    if picture not in _hashes:
        _hashes[picture] = hashes_of(files.exact(picture).data)
        if _hashes[picture].keys() != set(ALGORITHMS):
            raise RuntimeError(f"picture {picture} has not all hashes")
    return _hashes[picture]


def lookup_of(files: Files, picture: int, algorithm: str) -> dict[str, Any]:
    """Return one hash of a picture as a client looks it up."""
    one = _hashes_once(files, picture)[algorithm]
    quality = {} if one.quality is None else {"quality": one.quality}
    return {"algorithm": algorithm, "value": one.value.hex(), **quality}


@contextmanager
def prepared(folder: Path, kind: str, hook: int, files: Files) -> Iterator[World]:
    """Make an installation on a database of its own, with a list and a key of the audit log."""
    if kind == "postgresql":
        with StoppableServer() as server:
            world = World(folder, server.url, server, free_port(), hook)
            _fill(world, files)
            yield world
        return
    world = World(folder, f"sqlite:///{folder}/data/hashmatch.db", None, free_port(), hook)
    _fill(world, files)
    yield world


def _fill(world: World, files: Files) -> None:
    for name in ("data", "tmp"):
        (world.folder / name).mkdir()
    world.config.write_text(
        f'data_dir = "{world.folder}/data"\n[database]\nurl = "{world.url}"\n'
        "[intake]\nworkers = 2\n"
        f'[webhooks.desk]\nurl = "http://127.0.0.1:{world.hook}/"\n'
        'secret = { env = "BENCHMARK_SECRET" }\n'
        '[outbox]\nprivate_hosts = ["127.0.0.1"]\n'
        f"[retention]\nfalse_positive_days = {_RETENTION_DAYS}\noutbox_days = {_RETENTION_DAYS}\n"
        f'[lists.shared]\nsource = "file"\npath = "{world.delivery}"\n'
        "[guards]\nmax_contents_per_entry = 0\n"
    )
    with closing(Database(world.url)) as database:
        upgrade(database)
    code, _, messages = world.run("audit", "make-key", str(world.folder / "audit.key"))
    if code:
        raise RuntimeError(messages)
    with world.config.open("a") as stream:
        stream.write(f'[audit]\nsigning_key = {{ file = "{world.folder}/audit.key" }}\n')
    # Half of those that change are listed at first.
    world.write_delivery(files, [*LISTED, *CHANGING[: len(CHANGING) // 2]])
    code, _, messages = world.run("lists", "sync", "shared", "--json")
    if code:
        raise RuntimeError(messages)


def make_token(world: World, *scopes: Scope) -> str:
    """Make a token of the service."""
    with closing(Database(world.url)) as database, database.writing() as session:
        return create_token(session, "long run", list(scopes))


class Service:
    """`hashmatch serve`, which can be killed and started again on the same port."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.process: psutil.Popen
        self.starts = 0

    def start(self) -> None:
        """Start it, and return at once."""
        with (self._world.folder / "service.log").open("ab") as log:
            self.process = self._world.start(
                "serve", "--port", str(self._world.port),
                stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        self.starts += 1

    def await_ready(self) -> None:
        """Wait until it screens."""
        deadline = time.monotonic() + _PATIENCE_S
        while not is_ready(self._world.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the service did not start")
            time.sleep(0.1)

    def decoders(self) -> list[psutil.Process]:
        """Return its decoding processes, the oldest first."""
        with suppress(psutil.Error):
            return sorted(self.process.children(), key=lambda one: float(one.create_time()))
        return []

    def kill(self) -> int:
        """Kill it, and return how many of its decoding processes outlive it by ten seconds."""
        decoders = self.decoders()
        self.process.kill()
        self.process.wait()
        return len(psutil.wait_procs(decoders, timeout=10)[1])

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_PATIENCE_S)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Lock a SQLite database against all who write, until the end of the block."""
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
