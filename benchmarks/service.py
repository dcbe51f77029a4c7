"""Scanning over HTTP, against the same scan within the process; load, overload and lookups."""

from __future__ import annotations

import io
import json
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.hashes import realistic
from benchmarks.measuring import Table, duration
from benchmarks.photographs import encoded, photograph
from benchmarks.serving import Connection, in_threads, request_of, served
from hashmatch.config import Settings
from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.lists import find_format, import_list
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.store.tokens import Scope, create_token
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import open_scanner_with

_SIDES = (1920, 1080)
_GRAIN, _QUALITY = 8.0, 90
_SCANS = 200
_LOAD_S = 6.0
_CONNECTIONS = (1, 2, 8, 64)
_OVERLOAD = 10
_ENTRIES = 1_000_000
_HASHES_A_LOOKUP, _LOOKUPS = 1_000, 60
_QUEUE = 16
_UNLISTED = 1_000_000


@dataclass(frozen=True)
class _Load:
    """What came of a load: how long each answer took, by status."""

    times_s: list[float]
    statuses: Counter[int]
    elapsed_s: float
    client_cores: float

    @property
    def good_rate(self) -> float:
        return self.statuses[200] / self.elapsed_s

    @property
    def rate_of_all_cores(self) -> float:
        """The rate if the client had taken nothing of the cores of this machine."""
        cores = os.cpu_count() or 1
        return self.good_rate * cores / (cores - self.client_cores)

    def percentile(self, percent: float) -> str:
        return duration(float(np.percentile(self.times_s, percent)))


def measure() -> list[Table]:
    """Serve in a process of its own and ask it from this one."""
    picture = encoded(photograph(1, *_SIDES, grain=_GRAIN, colours=3), "JPEG", quality=_QUALITY)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, token = _prepare(folder)
        inside_s, inside_rate = _measure_inside(config, picture)
        with served(config) as port:
            scan = request_of(port, token, "/v1/scan?content_id=photograph", picture)
            _load(port, scan, connections=2, seconds=2.0)
            alone = _load(port, scan, connections=1, requests=_SCANS)
            loads = [
                (number, _load(port, scan, connections=number, seconds=_LOAD_S))
                for number in _CONNECTIONS
            ]
            capacity = max(load.good_rate for _, load in loads)
            overloads = [
                _overload(port, one, rate=capacity * _OVERLOAD, seconds=_LOAD_S)
                for one in (scan, _asking_first(scan))
            ]
            lookups = [("31 and near, to 40", *_lookups(port, token, one)) for one in (1, 2)]
        with config.open("a") as stream:
            stream.write("[policy.review_bits]\npdq = 0\n")
        with served(config) as port:
            lookups += [("31", *_lookups(port, token, one)) for one in (1, 2)]
    return [
        _table_of_scans(picture, inside_s, inside_rate, alone, loads),
        _table_of_overload(capacity, overloads),
        _table_of_lookups(lookups),
    ]


def _prepare(folder: Path) -> tuple[Path, str]:
    """Make a store with a list of realistic hashes, and a token."""
    config = folder / "hashmatch.toml"
    config.write_text(f'data_dir = "{folder}"\n[service]\nqueue = {_QUEUE}\n')
    values = realistic(_ENTRIES, seed=1)
    with closing(Database(f"sqlite:///{folder}/hashmatch.db")) as database:
        upgrade(database)
        lines = ["algorithm,value", f"sha256,{'00' * 32}"]
        lines += [f"pdq,{bytes(one).hex()}" for one in values]
        stream = io.BytesIO("\n".join(lines).encode())
        import_list(database, "list", stream, find_format("list.csv"), source="benchmark")
        with database.writing() as session:
            token = create_token(session, "benchmark", [Scope.SCAN])
    return config, token


def _measure_inside(config: Path, picture: bytes) -> tuple[float, float]:
    """Return the median time of a scan, and how many a second several threads do."""
    settings = Settings.model_validate({"data_dir": config.parent, "index": {"background": True}})
    with open_scanner_with(settings) as scanner:

        def work() -> None:
            scanner.scan(picture, content_id="photograph")

        for _ in range(20):
            work()
        times = []
        for _ in range(_SCANS):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
        done = in_threads(lambda until: _repeat(work, until), (os.cpu_count() or 1) + 1, _LOAD_S)
    return statistics.median(times), sum(done) / _LOAD_S


def _repeat(work: Callable[[], None], until: float) -> int:
    number = 0
    while time.perf_counter() < until:
        work()
        number += 1
    return number


def _asking_first(request: bytes) -> tuple[bytes, bytes]:
    """Return a request that asks whether its body is welcome, and the body."""
    head, _, body = request.partition(b"\r\n\r\n")
    return head + b"\r\nExpect: 100-continue\r\n\r\n", body


def _load(
    port: int, request: bytes, *, connections: int, requests: int = 0, seconds: float = 0.0
) -> _Load:
    """Ask over so many connections, each as fast as it is answered."""
    times: list[float] = []
    statuses: Counter[int] = Counter()
    lock = threading.Lock()

    def work(until: float) -> int:
        own: list[float] = []
        own_statuses: Counter[int] = Counter()
        with closing(Connection(port)) as connection:
            while len(own) < requests or time.perf_counter() < until:
                begun = time.perf_counter()
                own_statuses[connection.ask(request)] += 1
                own.append(time.perf_counter() - begun)
        with lock:
            times.extend(own)
            statuses.update(own_statuses)
        return len(own)

    begun, begun_cpu = time.perf_counter(), time.process_time()
    in_threads(work, connections, seconds)
    return _loaded(times, statuses, begun, begun_cpu)


def _loaded(times: list[float], statuses: Counter[int], begun: float, begun_cpu: float) -> _Load:
    elapsed_s = time.perf_counter() - begun
    return _Load(times, statuses, elapsed_s, (time.process_time() - begun_cpu) / elapsed_s)


def _overload(
    port: int, request: bytes | tuple[bytes, bytes], *, rate: float, seconds: float
) -> _Load:
    """Ask at a rate, whether or not what was asked before is answered."""
    times: list[float] = []
    statuses: Counter[int] = Counter()
    lock = threading.Lock()
    begun, begun_cpu = time.perf_counter(), time.process_time()
    turns = iter(range(int(rate * seconds)))

    def work(_: float) -> int:
        with closing(Connection(port)) as connection:
            while True:
                with lock:
                    turn = next(turns, None)
                if turn is None:
                    return 0
                time.sleep(max(0.0, begun + turn / rate - time.perf_counter()))
                asked = time.perf_counter()
                status = connection.ask(request)
                with lock:
                    statuses[status] += 1
                    times.append(time.perf_counter() - asked)

    in_threads(work, 128, 0.0)
    return _loaded(times, statuses, begun, begun_cpu)


def _lookups(port: int, token: str, connections: int) -> tuple[int, _Load]:
    """Ask for many hashes a request over so many connections."""
    # Of pictures that no list was made from, as nearly all are that a platform asks for.
    pictures = (draw_picture(_UNLISTED + number, 160, 160) for number in range(_HASHES_A_LOOKUP))
    hashes = [
        {
            "algorithm": "pdq",
            "value": PIXEL_HASHERS[0].hash_pixels(one).value.hex(),
            "quality": 100,
            "content_id": f"post/{number}",
        }
        for number, one in enumerate(pictures)
    ]
    body = json.dumps({"hashes": hashes}).encode()
    request = request_of(port, token, "/v1/lookup", body, "application/json")
    _load(port, request, connections=connections, requests=3)
    return connections, _load(port, request, connections=connections, requests=_LOOKUPS)


def _table_of_scans(
    picture: bytes,
    inside_s: float,
    inside_rate: float,
    alone: _Load,
    loads: list[tuple[int, _Load]],
) -> Table:
    added_s = statistics.median(alone.times_s) - inside_s
    what = (
        f"A JPEG of {_SIDES[0]} × {_SIDES[1]} and {len(picture) / 1e6:.2f} MB with grain, scanned"
        f" to a verdict against {_ENTRIES:,} PDQ hashes: in-process, and over HTTP by a service in"
        " another process, asked over loopback by a client that shares its two cores. Added at"
        f" p50 by HTTP, over one connection: {duration(added_s)}. The last column leaves out the"
        " client's share of the cores. To reach: 3 ms more at p50, 90 % of the scans a second."
    )
    rows = [("in-process", duration(inside_s), "", f"{inside_rate:.0f}", "", "1.00×")]
    rows += [
        (
            f"HTTP, {number} connections",
            load.percentile(50),
            load.percentile(99),
            f"{load.good_rate:.0f}",
            f"{load.client_cores:.2f}",
            f"{load.rate_of_all_cores / inside_rate:.2f}×",
        )
        for number, load in loads
    ]
    columns = (
        "way", "p50", "p99", "scans a second", "cores of the client", "to in-process",
    )  # fmt: skip
    return Table("Scanning over HTTP", what, columns, rows)


def _table_of_overload(capacity: float, loads: list[_Load]) -> Table:
    what = (
        f"The same scan asked {_OVERLOAD} times as often as it can be done ({capacity:.0f} a"
        f" second), with a queue of {_QUEUE}, by a client on the same two cores, of which the last"
        " column says how much it took itself: one that sends every body, whether it is read or"
        " not, and one that asks first (`Expect: 100-continue`)."
        " To reach: the good answers hold at 90 % of the capacity, and everything is answered."
    )
    ways = ("every body sent", "asked first")
    rows = [
        (
            way,
            f"{load.statuses.total() / load.elapsed_s:.0f}",
            f"{load.good_rate:.0f}",
            f"{load.good_rate / capacity:.2f}×",
            f"{load.statuses[429]:,}",
            f"{load.statuses.total() - load.statuses[200] - load.statuses[429]}",
            load.percentile(99),
            f"{load.client_cores:.2f}",
        )
        for way, load in zip(ways, loads, strict=True)
    ]
    columns = (
        "client",
        "asked a second",
        "scanned",
        "to capacity",
        "turned away",
        "anything else",
        "p99 of answers",
        "cores of the client",
    )
    return Table("Overload", what, columns, rows)


def _table_of_lookups(lookups: list[tuple[str, int, _Load]]) -> Table:
    what = (
        f"`POST /v1/lookup` with {_HASHES_A_LOOKUP:,} PDQ hashes against {_ENTRIES:,} entries: as"
        " far as matches and near ones lie, and as far as matches alone"
        " (`policy.review_bits.pdq = 0`). The last column leaves out the client's share of the"
        " cores. To reach: 20,000 hashes a second."
    )
    rows = [
        (
            bits,
            f"{number}",
            f"{load.good_rate * _HASHES_A_LOOKUP:,.0f}",
            load.percentile(50),
            f"{load.client_cores:.2f}",
            f"{load.rate_of_all_cores * _HASHES_A_LOOKUP / 20_000:.2f}×",
        )
        for bits, number, load in lookups
    ]
    columns = (
        "bits", "connections", "hashes a second", "p50 of a request", "cores of the client",
        "to the figure to reach",
    )  # fmt: skip
    return Table("Lookups over HTTP", what, columns, rows)
