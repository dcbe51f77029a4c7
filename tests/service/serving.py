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
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from hashmatch.config import Settings
from hashmatch.service import create_app
from hashmatch.service.protocol import BoundedProtocol
from hashmatch.service.running import Running
from hashmatch.store.engine import Database
from hashmatch.store.tokens import Scope, create_token


@dataclass
class Served:
    """A service that runs, and a client with a token that may do everything."""

    url: str
    client: httpx.Client
    running: Running


def make_token(database: Database, *scopes: Scope, requests_per_minute: int = 0) -> dict[str, str]:
    """Make a token, by default of all scopes, and return the header with it."""
    with database.writing() as session:
        token = create_token(
            session, "test", scopes or set(Scope), requests_per_minute=requests_per_minute
        )
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def serving(settings: Settings, database: Database) -> Iterator[Served]:
    """Serve on loopback, from a thread, until the end of the block."""
    # Whoever asks in these tests asks for hashes, too; what the service itself says is watched.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
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
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, headers=make_token(database), timeout=60) as client:
            yield Served(url, client, app.state.running)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving_process(config: Path, *options: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `hashmatch serve` in a process of its own, whose log lies beside the configuration."""
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
            process.wait(60)


def await_ready(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a service says that it is ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, "the service ended"
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("the service did not become ready")


def free_port() -> int:
    """Return a port that nobody listens on."""
    import socket

    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
