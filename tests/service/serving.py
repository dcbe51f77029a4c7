"""The service on a real socket: in a thread of the tests, or in processes of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import httpx
import uvicorn
from fastapi import FastAPI

from benchmarks.serving import free_port as free_port  # Tests take it from here.
from hashmatch.config import GuardSettings, Settings
from hashmatch.lists import FileSource, find_format, sync_list
from hashmatch.service import create_app
from hashmatch.service.http.protocol import BoundedProtocol
from hashmatch.service.runtime.state import ServiceState
from hashmatch.store.engine import Database
from hashmatch.store.tokens import Scope, create_token

# A process on a busy machine may take this long to start, to answer or to end.
PATIENCE_S = 300


@dataclass
class Served:
    """A running service, a client whose token has every scope, and a client without a token."""

    url: str
    database: Database
    client: httpx.Client
    anonymous: httpx.Client
    service: ServiceState
    app: FastAPI


def make_token(database: Database, *scopes: Scope, requests_per_minute: int = 0) -> dict[str, str]:
    """Make a token, by default of all scopes, and return the header with it."""
    with database.writing() as session:
        token = create_token(
            session, "test", scopes or set(Scope), requests_per_minute=requests_per_minute
        )
    return {"Authorization": f"Bearer {token}"}


def quarantine_delivery(database: Database, folder: Path) -> None:
    """Have a guard quarantine a delivery of the list two, which would withdraw 18 of 20 entries."""
    file, guards = folder / "two.csv", Settings(guards=GuardSettings(least_changes=2))
    for entries in (20, 2):
        rows = (f"md5,{one:032x},e{one}\n" for one in range(entries))
        file.write_text("algorithm,value,entry_id\n" + "".join(rows))
        sync_list(database, "two", FileSource(file, find_format), guards)


def quieten_clients() -> None:
    """Do not log requests: some of these tests are for hashes, and some make very many."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def serving(settings: Settings, database: Database, port: int = 0) -> Iterator[Served]:
    """Serve on loopback, from a thread, until the end of the block."""
    quieten_clients()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        loop="asyncio",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    with (
        # To collect all that the tests hold takes longer than to start.
        mock.patch("hashmatch.service.runtime.warming.gc"),
        # On a busy machine a thread may stand still for longer than the store may take to answer.
        mock.patch("hashmatch.service.runtime.state._STORE_TIMEOUT_S", PATIENCE_S),
        mock.patch("hashmatch.service.http.authentication._STORE_TIMEOUT_S", PATIENCE_S),
    ):
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the service did not start"
                time.sleep(0.005)
            while not app.state.service.is_warm:
                time.sleep(0.005)
            port = server.servers[0].sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            with (
                _client(url, headers=make_token(database)) as client,
                _client(url) as anonymous,
            ):
                yield Served(url, database, client, anonymous, app.state.service, app)
        finally:
            server.should_exit = True
            thread.join()


def _client(url: str, headers: dict[str, str] | None = None) -> httpx.Client:
    # Without TLS, there is nothing to verify, and certificates take long to load.
    return httpx.Client(base_url=url, headers=headers, timeout=60, verify=False)


@contextmanager
def serving_process(config: Path, *options: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `hashmatch serve` in a process of its own, whose log lies beside the configuration."""
    quieten_clients()
    command = [sys.executable, "-m", "hashmatch", "--config", os.fspath(config), "serve"]
    command += ["--port", str(port), *options]
    with config.with_suffix(f".{port}.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            await_ready(port, process)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def await_ready(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a service says that it is ready."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, "the service ended"
        try:
            if ask_readiness(port).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("the service did not become ready")


def ask_readiness(port: int) -> httpx.Response:
    """Ask a service whether it is ready."""
    return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE_S, verify=False)
