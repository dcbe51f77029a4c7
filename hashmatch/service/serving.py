"""Serving of the app by uvicorn, in one process or several."""

from __future__ import annotations

import ipaddress
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn

from hashmatch.config import ServiceSettings, Settings, require_secrets
from hashmatch.errors import ConfigError
from hashmatch.wiring import note_policy, open_database, open_policy

from .app import WORKERS
from .console import require_sign_in
from .doors import require_doors
from .http.listening import probe_port
from .http.protocol import BoundedProtocol
from .telemetry import logs
from .telemetry.metrics import MULTIPROCESS_DIR

_APP = "hashmatch.service.app:create_app_from_configuration"
# Longer than proxies keep idle connections: a connection that this end closed could still get a
# request.
_KEEP_ALIVE_S = 75
# On a busy host a starting worker may not answer its supervisor for long; it must not be killed.
_HEALTH_CHECK_S = 60
# Sections whose secrets other commands need.
_OF_OTHERS = ("backfill", "worker")
_log = logs.logger("hashmatch.serving")


def serve(settings: Settings) -> None:
    """Serve until a signal ends it, and finish the accepted requests first.

    Raises `ConfigError` and `StoreError` where the service cannot start.
    """
    # Fail here, once and with a readable error, and not in each process that uvicorn starts, nor
    # when a secret is needed: hours later, and perhaps with a case to hand over.
    syncs = settings.service.sync_interval_s > 0
    require_secrets(settings, but=_OF_OTHERS if syncs else (*_OF_OTHERS, "lists"))
    open_policy(settings)
    with closing(open_database(settings)) as database:
        database.require_writable()
        note_policy(settings, database)
    _require_listenable(settings.service)
    require_doors(settings.doors)
    require_sign_in(settings.console)
    if settings.source is not None:  # Each process reads the file for itself.
        os.environ["HASHMATCH_CONFIG"] = str(settings.source.absolute())
    # Reads and writes by io_uring pass by the filter and any trace of system calls.
    os.environ["UV_USE_IO_URING"] = "0"
    os.environ[WORKERS] = str(settings.service.workers)
    logs.configure()
    service = settings.service
    if not service.tls_certificate and not _is_loopback(service.host):
        _log.warning("no TLS: tokens and images can be read on the network")
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
            # It would log complete URLs, with the hashes in their queries.
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=service.tls_certificate or None,
            ssl_keyfile=service.tls_key or None,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(service.shutdown_timeout_s),
            timeout_worker_healthcheck=_HEALTH_CHECK_S,
        )


def _require_listenable(service: ServiceSettings) -> None:
    """Raise `ConfigError` where the address is not free, or the certificate cannot be read."""
    for key, path in (("tls_certificate", service.tls_certificate), ("tls_key", service.tls_key)):
        if path:
            try:
                Path(path).read_bytes()
            except OSError as error:
                raise ConfigError(f"service.{key}: {path}: {error.strerror}") from error
    place = f"service.host and service.port: {service.host}:{service.port}"
    try:
        probe_port(service.host, service.port)
    except OSError as error:
        raise ConfigError(
            f"{place}: cannot listen there: {error.strerror}",
            hint="Choose another port with --port, or stop the program that listens there.",
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Provide a folder in which several processes share their metrics; one process needs none."""
    if workers == 1:
        yield
        return
    # The client library of Prometheus reads the variable when it is imported in each process.
    folder = tempfile.mkdtemp(prefix="hashmatch-metrics-")
    os.environ[MULTIPROCESS_DIR] = folder
    try:
        yield
    finally:
        del os.environ[MULTIPROCESS_DIR]
        shutil.rmtree(folder, ignore_errors=True)
