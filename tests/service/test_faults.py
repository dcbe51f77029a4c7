"""Whatever fails under load: no false "clear", no lost or doubled match, and recovery by itself."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.service.serving import serve
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter, read_matches
from hashmatch.store.migrations import upgrade
from tests.pictures import drawn, list_of
from tests.postgresql import StoppableServer
from tests.service.serving import await_ready, free_port, make_token, serving_process
from tests.store.importing import import_text

LISTED, UNLISTED = (1, 2, 3), (9, 10, 11)
# Scanned again and again, so that they are drawn only once.
PICTURES = {seed: drawn(seed) for seed in (*LISTED, *UNLISTED)}


class Load:
    """Threads that scan without end, each picture under a name of its own, and what they are told.

    A scan that got no verdict is asked again, under the same name, as clients are told to do.
    """

    def __init__(self, urls: list[str], headers: dict[str, str], threads: int = 4) -> None:
        self._urls, self._headers = urls, headers
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._numbers = iter(range(10**9))
        self.wrong: list[str] = []
        self.told: dict[str, frozenset[str]] = {}
        self.reasons: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for one in self._threads:
            one.join()

    def await_verdicts(self, number: int, timeout_s: float = 60) -> None:
        """Wait until so many more pictures got a verdict."""
        wanted = len(self.told) + number
        deadline = time.monotonic() + timeout_s
        while len(self.told) < wanted:
            assert time.monotonic() < deadline, f"no verdicts any more: {self.reasons}"
            time.sleep(0.02)

    def _run(self, place: int) -> None:
        with httpx.Client(headers=self._headers, timeout=30) as client:
            while not self._is_over.is_set():
                with self._lock:
                    number = next(self._numbers)
                seed = (*LISTED, *UNLISTED)[number % 6]
                self._screen(client, f"post/{number}", seed, self._urls[number % len(self._urls)])

    def _screen(self, client: httpx.Client, name: str, seed: int, url: str) -> None:
        while True:
            try:
                answer = client.post(
                    f"{url}/v1/scan", params={"content_id": name}, content=PICTURES[seed]
                )
            except httpx.TransportError as error:
                self._note(type(error).__name__)
            else:
                told = answer.json()
                if told.get("outcome") in ("clear", "matched"):
                    self._check(name, seed, answer.status_code, told)
                    return
                self._note(str(told.get("reason") or answer.status_code))
            if self._is_over.is_set():
                return
            time.sleep(0.05)

    def _note(self, reason: str) -> None:
        with self._lock:
            self.reasons[reason] += 1

    def _check(self, name: str, seed: int, status: int, told: dict[str, Any]) -> None:
        expected = "matched" if seed in LISTED else "clear"
        with self._lock:
            # A listed file matches by its exact hash, too, when its decoder dies; that is said.
            if told["reason"]:
                self.reasons[told["reason"]] += 1
            is_whole = told["outcome"] == "matched" or not told["reason"]
            if told["outcome"] != expected or status != 200 or not is_whole:
                self.wrong.append(f"{name} (picture {seed}): {status} {told['outcome']}")
            self.told[name] = frozenset(one["match_id"] for one in told["matches"])


def _check_records(load: Load, database: Database) -> None:
    """What was told is on record, and nothing is there twice."""
    with database.reading() as session:
        rows = [
            (one.content.content_id, one.record.entry_key, str(one.record.key))
            for one in read_matches(session, MatchFilter())
        ]
    assert load.wrong == []
    assert len({row[:2] for row in rows}) == len(rows), "a match is there twice"
    there: dict[str, set[str]] = {}
    for name, _, match_id in rows:
        there.setdefault(name, set()).add(match_id)
    lost = [name for name, ids in load.told.items() if ids and not ids <= there.get(name, set())]
    assert lost == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _configure(folder: Path, url: str, name: str = "hashmatch", extra: str = "") -> Path:
    """Write the configuration of one replica, which has an index of its own."""
    config = folder / f"{name}.toml"
    config.write_text(
        f'data_dir = "{name}-data"\n[database]\nurl = "{url}"\nbusy_timeout_s = 5\n'
        f"[intake]\nworkers = 2\n{extra}"
    )
    return config


@contextmanager
def _store(url: str) -> Iterator[Database]:
    with closing(Database(url)) as database:
        upgrade(database)
        import_text(database, "one", list_of(*LISTED, algorithms=("pdq", "sha256")))
        yield database


@pytest.fixture
def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/hashmatch.db"


def test_a_postgresql_that_stops_and_starts_again(folder: Path) -> None:
    with StoppableServer(folder / "postgresql") as server, _store(server.url) as database:
        headers, port = make_token(database), free_port()
        with (
            serving_process(_configure(folder, server.url), port=port),
            Load([f"http://127.0.0.1:{port}"], headers) as load,
        ):
            load.await_verdicts(20)
            for stop in (server.stop, server.kill):
                stop()
                time.sleep(1.5)
                ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
                assert (ready.status_code, ready.json()["reason"]) == (503, "store_unavailable")
                server.start()
                load.await_verdicts(20)
                await_ready(port)
        assert load.reasons["store_unavailable"] > 0
        _check_records(load, database)


def test_decoders_that_are_killed(folder: Path, sqlite_url: str) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        with (
            serving_process(_configure(folder, sqlite_url), port=port) as process,
            Load([f"http://127.0.0.1:{port}"], headers) as load,
        ):
            load.await_verdicts(10)
            for _ in range(5):
                for child in psutil.Process(process.pid).children():
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
                load.await_verdicts(10)
        assert set(load.reasons) <= {"decoder_crashed"}
        _check_records(load, database)


def test_an_index_that_is_removed(folder: Path, sqlite_url: str) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        with (
            serving_process(_configure(folder, sqlite_url), port=port),
            Load([f"http://127.0.0.1:{port}"], headers) as load,
        ):
            load.await_verdicts(10)
            shutil.rmtree(folder / "hashmatch-data" / "index")
            load.await_verdicts(20)
            import_text(
                database, "one", list_of(*LISTED, 4, algorithms=("pdq", "sha256"))
            )  # It is built again, and followed.
            load.await_verdicts(20)
        _check_records(load, database)


def test_a_service_that_is_told_to_end_finishes_what_it_accepted(
    folder: Path, sqlite_url: str
) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url)
        with Load([f"http://127.0.0.1:{port}"], headers) as load:
            for blow in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                with serving_process(config, port=port) as process:
                    load.await_verdicts(20)
                    process.send_signal(blow)
                    assert process.wait(60) in (0, -blow)
            # Connections are refused while there is no service; none breaks in the middle.
            assert set(load.reasons) <= {"ConnectError", "RemoteProtocolError", "ReadError"}
        _check_records(load, database)


def test_a_service_that_is_killed_loses_no_match(folder: Path, sqlite_url: str) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url)
        with Load([f"http://127.0.0.1:{port}"], headers) as load:
            for _ in range(3):
                with serving_process(config, port=port) as process:
                    load.await_verdicts(10)
                    process.kill()
                    process.wait(60)
        _check_records(load, database)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may mount")
def test_a_disk_that_is_full(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        url = f"sqlite:///{disk}/hashmatch.db"
        with _store(url) as database:
            headers, port = make_token(database), free_port()
            config = _configure(folder, url)
            with (
                serving_process(config, port=port),
                Load([f"http://127.0.0.1:{port}"], headers) as load,
            ):
                load.await_verdicts(20)
                _fill(disk)
                deadline = time.monotonic() + 30
                while not load.reasons["store_unavailable"]:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                (disk / "filler").unlink()
                load.await_verdicts(20)
                await_ready(port)
            _check_records(load, database)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(b"x" * 4096)


def test_two_replicas_that_sync_and_scan_over_one_postgresql(folder: Path) -> None:
    source = folder / "list.csv"
    source.write_text(list_of(*LISTED, algorithms=("pdq", "sha256")))
    sync = f'[service]\nsync_interval_s = 1\n[lists.two]\nsource = "file"\npath = "{source}"\n'
    with StoppableServer(folder / "postgresql") as server, _store(server.url) as database:
        headers = make_token(database)
        ports = [free_port(), free_port()]
        with ExitStack() as opened:
            for number, port in enumerate(ports):
                config = _configure(folder, server.url, f"replica{number}", sync)
                opened.enter_context(serving_process(config, port=port))
            load = opened.enter_context(
                Load([f"http://127.0.0.1:{port}" for port in ports], headers)
            )
            load.await_verdicts(20)
            for extra in ((20,), (20, 21), (21, 22)):
                source.write_text(list_of(*LISTED, *extra, algorithms=("pdq", "sha256")))
                load.await_verdicts(30)
            names = {one["list"] for one in _lists(ports[0], headers) if one["generation"]}
        assert names == {"one", "two"}
        _check_records(load, database)


def _lists(port: int, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/lists", headers=headers, timeout=30)
    lists: list[dict[str, Any]] = answer.json()["lists"]
    return lists


_AHEAD = """
import sys, time, runpy
real, shift = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + shift
import datetime as module
class Moved(module.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(real() + shift, tz)
module.datetime = Moved
sys.argv[0] = "hashmatch"
runpy.run_module("hashmatch", run_name="__main__")
"""


@pytest.mark.parametrize("shift_s", [-7 * 86_400, 7 * 86_400])
def test_a_clock_that_is_wrong_by_a_week(folder: Path, sqlite_url: str, shift_s: int) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url)
        command = [sys.executable, "-c", _AHEAD, str(shift_s), "--config", str(config)]
        process = subprocess.Popen([*command, "serve", "--port", str(port)])
        try:
            await_ready(port, process)
            with Load([f"http://127.0.0.1:{port}"], headers) as load:
                load.await_verdicts(20)
                import_text(database, "one", list_of(*LISTED, 4, algorithms=("pdq", "sha256")))
                load.await_verdicts(20)
            assert load.reasons.total() == 0
        finally:
            process.terminate()
            process.wait(60)
        _check_records(load, database)


def test_workers_share_one_index_and_their_metrics(folder: Path, sqlite_url: str) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url)
        with (
            serving_process(config, "--workers", "2", port=port),
            Load([f"http://127.0.0.1:{port}"], headers) as load,
        ):
            load.await_verdicts(40)
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers).text
        counted = [
            line for line in metrics.splitlines() if line.startswith("hashmatch_scans_total")
        ]
        assert sum(float(line.rpartition(" ")[2]) for line in counted) >= 40
        manifests = list((folder / "hashmatch-data" / "index").glob("manifest*"))
        assert len(manifests) == 1
        _check_records(load, database)


def test_settings_that_cannot_work_stop_it_before_it_listens(folder: Path, sqlite_url: str) -> None:
    config = _configure(folder, sqlite_url)
    command = [sys.executable, "-m", "hashmatch", "--config", str(config), "serve"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "there is no database" in done.stderr


def test_a_place_where_nobody_can_listen_is_named(settings: Settings, database: Database) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for section, words in (
            ({"port": port}, f"127.0.0.1:{port}: cannot listen there"),
            ({"host": "999.1.1.1"}, "999.1.1.1:8765: cannot listen there"),
            (
                {"tls_certificate": "/nowhere.pem", "tls_key": "/nowhere.pem"},
                "service.tls_certificate: /nowhere.pem",
            ),
        ):
            chosen = {"data_dir": settings.data_dir, "service": section}
            with pytest.raises(ConfigError, match=words):
                serve(Settings.model_validate(chosen))
