"""`hashmatch serve`: the app under uvicorn, in one process or several."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn

from hashmatch.config import ServiceSettings, Settings
from hashmatch.errors import ConfigError
from hashmatch.wiring import open_database, open_policy

from . import logs
from .app import WORKERS
from .metrics import MULTIPROCESS_DIR
from .protocol import BoundedProtocol

_APP = "hashmatch.service.app:create_app_from_configuration"
# Longer than proxies keep their connections, so that it is they who close them.
_KEEP_ALIVE_S = 75

_log = logs.logger("hashmatch.serving")


def serve(settings: Settings) -> None:
    """Serve until a signal ends it; what was accepted is finished first.

    Raises `ConfigError` and `StoreError` where it could not begin.
    """
    open_policy(settings)
    with closing(open_database(settings)) as database:
        database.require_writable()
    _require_place(settings.service)
    if settings.source is not None:  # Its processes read it for themselves.
        os.environ["HASHMATCH_CONFIG"] = str(settings.source.absolute())
    # What is read or written by io_uring is seen by no filter and no trace of system calls.
    os.environ["UV_USE_IO_URING"] = "0"
    os.environ[WORKERS] = str(settings.service.workers)
    logs.configure()
    service = settings.service
    if not service.tls_certificate and not _is_loopback(service.host):
        _log.warning("without TLS, tokens and images can be read on their way here")
    with _shared_metrics(service.workers):
        uvicorn.run(
            _APP,
            factory=True,
            host=service.host,
            port=service.port,
            workers=service.workers,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            # It would write whole addresses, hashes and all.
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=service.tls_certificate or None,
            ssl_keyfile=service.tls_key or None,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(service.shutdown_timeout_s),
        )


def _require_place(service: ServiceSettings) -> None:
    """Raise `ConfigError` where it cannot listen, or its certificate cannot be read."""
    for key, path in (("tls_certificate", service.tls_certificate), ("tls_key", service.tls_key)):
        if path:
            try:
                Path(path).read_bytes()
            except OSError as error:
                raise ConfigError(f"service.{key}: {path}: {error.strerror}") from error
    place = f"service.host and service.port: {service.host}:{service.port}"
    try:
        found = socket.getaddrinfo(service.host, service.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"{place}: cannot listen there: {error.strerror}",
            hint="Choose another port with --port, or end what listens there.",
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Give several processes a place to put their metrics together; one needs none."""
    if workers == 1:
        yield
        return
    folder = tempfile.mkdtemp(prefix="hashmatch-metrics-")
    os.environ[MULTIPROCESS_DIR] = folder
    try:
        yield
    finally:
        del os.environ[MULTIPROCESS_DIR]
        shutil.rmtree(folder, ignore_errors=True)
