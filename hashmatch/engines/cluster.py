"""Engine on Ray: the local engine on each node of a cluster, over the shards of one ledger.

Nothing travels but the settings: each node leases shards, and loads, screens and records their
images by itself. Ray's own data sets would carry images through its object store, which goes to
disk when it is full.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashmatch.config import Settings
from hashmatch.errors import BackfillError, ConfigError, HashmatchError
from hashmatch.store.backfills import BackfillState
from hashmatch.wiring import open_database, open_scanner_with, read_digest_key

from .ledger import Ledger
from .local import Report, run_locally
from .outcome_files import open_outcome_files
from .screening import ItemScreener
from .sources import open_sources

_LOOK_AGAIN_S, _CONNECT_S = 1.0, 10.0
# Nothing of ours is in it; Ray would take a third of the memory for it.
_OBJECT_STORE_BYTES = 80 << 20
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
# Without it, a token is written to the home folder even for a cluster of this process alone.
_LOCAL = {"RAY_AUTH_MODE": "disabled"}


@dataclass(frozen=True, slots=True)
class NodeJob:
    """Work of a node: a back-fill of some addresses under some settings, as every node has it.

    It is the one with a `key`: a node that begins when it has ended does not begin another.
    """

    key: int
    settings: Settings
    addresses: Sequence[str]
    fetches: int | None
    outcomes: Path | None
    file_format: str
    show_hashes: bool
    # Those of the configuration, some of which options may have replaced in `settings`.
    configured: Settings | None = None


def run_on_ray(
    ledger: Ledger, job: NodeJob, address: str, workers: int | None, report: Report
) -> BackfillState:
    """Screen everything that is not on record of a back-fill on the nodes of a cluster.

    Without an `address`, Ray is started here, and ended. Each node has `workers` decoders, by
    default one for each of its processors. Raises `BackfillError`, `ConfigError` and `StoreError`;
    what is on record then stays.
    """
    with _cluster(address) as ray:
        nodes = [one for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU")]
        if len(nodes) > 1:
            _require_shared(job.settings)
        running = [_start(ray, node, job, workers) for node in nodes]
        done, left = [], running
        while left:
            done, left = ray.wait(left, num_returns=len(left), timeout=_LOOK_AGAIN_S)
            report(ledger.state())
            for one in done:
                _result(ray, one)
        return ledger.state()


def run_node(job: NodeJob, workers: int) -> None:
    """Do the work of a node, until nothing is left. Raises as `run_locally` does."""
    settings = job.settings
    intake = settings.intake.model_copy(update={"workers": workers})
    settings = settings.model_copy(update={"intake": intake})
    sources = open_sources(settings, job.addresses)
    key = read_digest_key(settings, settings.backfill.digest_key, "backfill")
    files = None
    if job.outcomes is not None:
        files = open_outcome_files(job.outcomes, job.file_format, show_hashes=job.show_hashes)
    with closing(open_database(settings)) as database:
        ledger = Ledger(database, sources, "", key, job.key)
        if ledger.state().ended_at is not None:
            return
        with open_scanner_with(settings, is_counted=False, configured=job.configured) as scanner:
            run_locally(
                database,
                ledger,
                sources,
                ItemScreener(scanner),
                threads=job.fetches or 2 * workers,
                outcome_files=files,
            )


def _start(ray: Any, node: dict[str, Any], job: NodeJob, workers: int | None) -> Any:
    """Start the work of a node, and return the reference to its end.

    Where the actor dies, Ray starts it again, and it goes on with what is not on record.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    processors = node["Resources"]["CPU"]
    # One is left for tasks of others; ours are the decoders, which Ray knows nothing of.
    claimed = max(0.5, min(workers or processors, processors - 1))
    actor = ray.remote(_Actor).options(
        num_cpus=claimed,
        max_restarts=-1,
        max_task_retries=-1,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
    )
    return actor.remote().run.remote(job, workers or max(1, int(processors)))


class _Actor:
    """A node at work."""

    def run(self, job: NodeJob, workers: int) -> str:
        """Return an empty text at the end, or the problem: Ray would wrap an error in its own."""
        try:
            run_node(job, workers)
        except HashmatchError as error:
            return f"{error.message} {error.hint}".strip()
        return ""


def _result(ray: Any, reference: Any) -> None:
    try:
        problem = ray.get(reference)
    except ray.exceptions.RayError as error:
        raise BackfillError(
            f"a node of the cluster failed: {type(error).__name__}",
            hint="See Ray's own log, and start the back-fill again: it goes on where it was.",
        ) from error
    if problem:
        raise BackfillError(
            f"a node of the cluster stopped: {problem}",
            hint="Start the back-fill again when that is mended: it goes on where it was.",
        )


def _require_shared(settings: Settings) -> None:
    """Raise `ConfigError` unless all nodes can use one store, and one key of digests."""
    if settings.database_url.startswith("sqlite"):
        raise ConfigError(
            "a cluster of several nodes needs one database for all of them",
            hint="Set database.url to one of PostgreSQL.",
        )
    if settings.backfill.digest_key is None:
        raise ConfigError(
            "a cluster of several nodes needs one key of digests for all of them",
            hint="Set backfill.digest_key, to a place that every node has.",
        )


def _require_listening(address: str) -> None:
    """Raise `ConfigError` where nothing listens: Ray would ask for many minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _CONNECT_S):
            return
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{address}: nothing answers there",
            hint="Name the address of the cluster's head, such as 10.0.0.1:6379, or leave it out.",
        ) from error


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Connect to a cluster, or start one here and end it."""
    for name, value in {**_QUIET, **({} if address else _LOCAL)}.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "the engine ray needs the package ray", hint="pip install 'hashmatch[ray]'"
        ) from error
    if address:
        _require_listening(address)
    own: dict[str, Any] = {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else own),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"{address or 'ray'}: no cluster of Ray answers ({type(error).__name__})",
            hint="Name the address of its head, such as 10.0.0.1:6379, or leave it out.",
        ) from error
    try:
        # Ray prints what happens to its processes, among our data.
        with redirect_stdout(sys.stderr):
            yield ray
    finally:
        ray.shutdown()
