"""Samples of the service's processes and of the database's connections, and how they grow."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from .ledger import Clock, Journal
from .slopes import Growth, growth
from .world import Service

# Those of commands beside the service are there for moments only.
_CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hashmatch'"
    " AND datname = current_database()"
)
_SHORTEST_SPAN = 0.3


@dataclass(frozen=True, slots=True)
class Sample:
    """State of one process at a time; `connections` are those to the database, or None."""

    at_s: float
    role: str
    pid: int
    megabytes: float
    own_megabytes: float
    files: int
    threads: int
    connections: int | None


class Watch:
    """Takes samples in a thread."""

    def __init__(
        self, service: Service, url: str, journal: Journal, now: Clock, period_s: float
    ) -> None:
        self._service, self._url, self._journal = service, url, journal
        self._now, self._period_s = now, period_s
        self.samples: list[Sample] = []

    def run(self, over: threading.Event) -> None:
        """Take samples until the run is over."""
        while not over.wait(self._period_s):
            process = self._service.process
            connections = self.connections()
            self._take("service", process, connections)
            for one in self._service.decoders():
                self._take("decoder", one, None)

    def connections(self) -> int | None:
        """Return how many connections hashmatch has to the database, if that can be known."""
        if not self._url.startswith("postgresql"):
            return None
        with (
            suppress(psycopg.Error),
            psycopg.connect(self._url, connect_timeout=5, autocommit=True) as connection,
        ):
            row = connection.execute(_CONNECTIONS).fetchone()
            return None if row is None else int(row[0])
        return None

    def _take(self, role: str, process: psutil.Process, connections: int | None) -> None:
        with suppress(psutil.Error, OSError, ValueError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = dict(re.findall(r"^(VmRSS|RssAnon|Threads):\s+(\d+)", status, re.MULTILINE))
            if "VmRSS" not in found:  # It has ended.
                return
            sample = Sample(
                round(self._now(), 2), role, process.pid, int(found["VmRSS"]) / 1024,
                int(found["RssAnon"]) / 1024, process.num_fds(), int(found["Threads"]), connections,
            )  # fmt: skip
            self.samples.append(sample)
            facts = {name: getattr(sample, name) for name in Sample.__slots__}
            self._journal.write("samples", **facts)


@dataclass(frozen=True, slots=True)
class Flatness:
    """Growth of one kind of process that lived longest in the measured time; the largest of them.

    Files, threads and connections are those at the end less those at the begin, by medians.
    """

    role: str
    memory: Growth
    megabytes: float
    files: float
    threads: float
    connections: float
    most_connections: int


def flatness(
    samples: list[Sample], role: str, measured: tuple[float, float], *, take_turns: bool = False
) -> Flatness | None:
    """Return how processes of a role grew; None where none lived for long enough.

    Those that `take_turns` are replaced after some files, and count as one that goes on.
    """
    begin_s, end_s = measured
    lives: dict[int, list[Sample]] = defaultdict(list)
    for one in samples:
        if one.role == role and begin_s <= one.at_s <= end_s:
            lives[0 if take_turns else one.pid].append(one)
    long_enough = [
        life for life in lives.values()
        if life[-1].at_s - life[0].at_s >= _SHORTEST_SPAN * (end_s - begin_s)
    ]  # fmt: skip
    found = [_flatness_of(role, life) for life in long_enough]
    return max(found, key=lambda one: one.memory.total, default=None)


def _flatness_of(role: str, life: list[Sample]) -> Flatness:
    times_s = [one.at_s for one in life]
    known = [one.connections for one in life if one.connections is not None]
    return Flatness(
        role,
        growth(times_s, [one.megabytes for one in life]),
        life[-1].megabytes,
        _rise([one.files for one in life]),
        _rise([one.threads for one in life]),
        _rise(known),
        max(known, default=0),
    )


def _rise(values: list[int]) -> float:
    """Return the median of the last quarter less that of the first."""
    if not values:
        return 0.0
    quarter = max(1, len(values) // 4)
    first, last = sorted(values[:quarter]), sorted(values[-quarter:])
    return float(last[len(last) // 2] - first[len(first) // 2])
