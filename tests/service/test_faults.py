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
from tests.postgresql import StoppableServer, new_database, prepared_database
from tests.service.serving import (
    PATIENCE_S,
    ask_readiness,
    await_ready,
    free_port,
    make_token,
    serving,
    serving_process,
)
from tests.store.importing import import_text

# For as many waits as a test has.
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)

LISTED, UNLISTED = (1, 2, 3), (9, 10, 11)
# Scanned again and again, so that they are drawn only once.
PICTURES = {seed: drawn(seed) for seed in (*LISTED, *UNLISTED)}


class Load:
    """Threads that scan without end, each picture under a name of its own, and their answers.

    A scan without a verdict is repeated under the same name, as clients are asked to do.
    """

    def __init__(self, urls: list[str], headers: dict[str, str], threads: int = 2) -> None:
        self._urls, self._headers = urls, headers
        self._is_over = threading.Event()
        self._changed = threading.Condition()
        self._numbers = iter(range(10**9))
        self.wrong: list[str] = []
        self.verdicts: dict[str, frozenset[str]] = {}
        self.reasons: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for one in self._threads:
            one.join()

    def await_verdicts(self, number: int) -> None:
        """Wait until this many more pictures got a verdict."""
        wanted = len(self.verdicts) + number
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.verdicts) >= wanted, PATIENCE_S)
        assert found, f"no verdicts any more: {self.reasons}"

    def await_failure(self, reason: str) -> None:
        """Wait until one more scan got no verdict for this reason."""
        seen = self.reasons[reason]
        with self._changed:
            found = self._changed.wait_for(lambda: self.reasons[reason] > seen, PATIENCE_S)
        assert found, f"nothing failed for that reason: {self.reasons}"

    def _run(self) -> None:
        with httpx.Client(headers=self._headers, timeout=PATIENCE_S, verify=False) as client:
            while not self._is_over.is_set():
                with self._changed:
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
                body = answer.json()
                if body.get("outcome") in ("clear", "matched"):
                    self._check(name, seed, answer.status_code, body)
                    return
                self._note(str(body.get("reason") or answer.status_code))
            if self._is_over.wait(0.2):
                return

    def _note(self, reason: str) -> None:
        with self._changed:
            self.reasons[reason] += 1
            self._changed.notify_all()

    def _check(self, name: str, seed: int, status: int, body: dict[str, Any]) -> None:
        expected = "matched" if seed in LISTED else "clear"
        with self._changed:
            # A listed file matches by its exact hash, too, when its decoder crashes; it says so.
            if body["reason"]:
                self.reasons[body["reason"]] += 1
            is_complete = body["outcome"] == "matched" or not body["reason"]
            if body["outcome"] != expected or status != 200 or not is_complete:
                self.wrong.append(f"{name} (picture {seed}): {status} {body['outcome']}")
            self.verdicts[name] = frozenset(one["match_id"] for one in body["matches"])
            self._changed.notify_all()


def _check_records(load: Load, database: Database) -> None:
    """Every match that was answered is on record, and nothing is there twice."""
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
    lost = [
        name for name, ids in load.verdicts.items() if ids and not ids <= there.get(name, set())
    ]
    assert lost == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _configure(
    folder: Path,
    url: str,
    name: str = "hashmatch",
    *,
    isolation: str = "none",
    busy_timeout_s: int = PATIENCE_S,
    extra: str = "",
) -> Path:
    """Write the configuration of one replica, which has an index of its own.

    Nothing in it fails because the machine is busy. Decoding processes take long to start: only
    the tests about them have any.
    """
    config = folder / f"{name}.toml"
    config.write_text(
        f"""
data_dir = "{name}-data"
[database]
url = "{url}"
busy_timeout_s = {busy_timeout_s}
[index]
max_age_s = {10 * PATIENCE_S}
[intake]
isolation = "{isolation}"
workers = 2
timeout_s = {PATIENCE_S}
[service]
body_timeout_s = {PATIENCE_S}
shutdown_timeout_s = {PATIENCE_S}
{extra}"""
    )
    return config


@contextmanager
def _store(url: str) -> Iterator[Database]:
    with closing(Database(url, busy_timeout_s=PATIENCE_S)) as database:
        upgrade(database)
        import_text(database, "one", list_of(*LISTED, algorithms=("pdq", "sha256")))
        yield database


@contextmanager
def _serving_replica(folder: Path, url: str, database: Database) -> Iterator[str]:
    """Serve from this process, and return the URL of the service."""
    folder.mkdir()
    chosen = {
        "data_dir": folder,
        "database": {"url": url, "busy_timeout_s": PATIENCE_S},
        "index": {"max_age_s": 10 * PATIENCE_S},
        "intake": {"isolation": "none", "workers": 2},
    }
    with serving(Settings.model_validate(chosen), database) as served:
        yield served.url


@pytest.fixture
def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/hashmatch.db"


@pytest.mark.long
def test_a_postgresql_that_stops_and_starts_again(folder: Path) -> None:
    with StoppableServer() as server, _store(server.url) as database:
        headers, port = make_token(database), free_port()
        with (
            serving_process(_configure(folder, server.url), port=port),
            Load([f"http://127.0.0.1:{port}"], headers) as load,
        ):
            load.await_verdicts(10)
            for stop in (server.stop, server.kill):
                stop()
                load.await_failure("store_unavailable")
                _await_unready(port, "store_unavailable")
                server.start()
                load.await_verdicts(10)
                await_ready(port)
        _check_records(load, database)


def _await_unready(port: int, reason: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask_readiness(port)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (answer.status_code, answer.json()["reason"]) == (503, reason)


@pytest.mark.long
@pytest.mark.parametrize("times", [2, 20])
def test_decoders_that_are_killed(folder: Path, sqlite_url: str, times: int) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url, isolation="process")
        with (
            serving_process(config, port=port) as process,
            Load([f"http://127.0.0.1:{port}"], headers) as load,
        ):
            load.await_verdicts(10)
            for _ in range(times):
                for child in psutil.Process(process.pid).children():
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
                load.await_verdicts(10)
        assert set(load.reasons) <= {"decoder_crashed"}
        _check_records(load, database)


def test_an_index_that_is_removed(folder: Path, sqlite_url: str) -> None:
    with _store(sqlite_url) as database:
        headers = make_token(database)
        with (
            _serving_replica(folder / "replica", sqlite_url, database) as url,
            Load([url], headers) as load,
        ):
            load.await_verdicts(10)
            shutil.rmtree(folder / "replica" / "index")
            load.await_verdicts(20)
            # It is built again, and followed.
            import_text(database, "one", list_of(*LISTED, 4, algorithms=("pdq", "sha256")))
            load.await_verdicts(20)
        _check_records(load, database)


@pytest.mark.parametrize("isolation", ["none", pytest.param("process", marks=pytest.mark.long)])
def test_a_service_that_is_stopped_finishes_what_it_accepted(
    folder: Path, sqlite_url: str, isolation: str
) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url, isolation=isolation)
        with Load([f"http://127.0.0.1:{port}"], headers) as load:
            for blow in (signal.SIGTERM, signal.SIGINT):
                with serving_process(config, port=port) as process:
                    load.await_verdicts(20)
                    process.send_signal(blow)
                    assert process.wait(PATIENCE_S) in (0, -blow)
            # Connections are refused while there is no service; none breaks in the middle.
            assert set(load.reasons) <= {"ConnectError", "RemoteProtocolError", "ReadError"}
        _check_records(load, database)


@pytest.mark.parametrize(
    ("isolation", "times"), [("none", 2), pytest.param("process", 5, marks=pytest.mark.long)]
)
def test_a_service_that_is_killed_loses_no_match(
    folder: Path, sqlite_url: str, isolation: str, times: int
) -> None:
    with _store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = _configure(folder, sqlite_url, isolation=isolation)
        with Load([f"http://127.0.0.1:{port}"], headers) as load:
            for _ in range(times):
                with serving_process(config, port=port) as process:
                    load.await_verdicts(10)
                    process.kill()
                    process.wait(PATIENCE_S)
        _check_records(load, database)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may mount")
@pytest.mark.long
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
                load.await_failure("store_unavailable")
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


def test_two_replicas_that_scan_over_one_postgresql_while_lists_change(folder: Path) -> None:
    with (
        new_database(prepared_database()) as url,
        closing(Database(url)) as database,
        _serving_replica(folder / "replica0", url, database) as one,
        _serving_replica(folder / "replica1", url, database) as other,
    ):
        import_text(database, "one", list_of(*LISTED, algorithms=("pdq", "sha256")))
        with Load([one, other], make_token(database)) as load:
            load.await_verdicts(10)
            for extra in ((20,), (21,)):
                import_text(
                    database,
                    "one",
                    list_of(*LISTED, *extra, algorithms=("pdq", "sha256")),
                    withdraw_missing=True,
                )
                load.await_verdicts(20)
        _check_records(load, database)


@pytest.mark.long
def test_two_replicas_that_sync_and_scan_over_one_postgresql(folder: Path) -> None:
    source = folder / "list.csv"
    source.write_text(list_of(*LISTED, algorithms=("pdq", "sha256")))
    sync = f'sync_interval_s = 1\n[lists.two]\nsource = "file"\npath = "{source}"\n'
    with StoppableServer() as server, _store(server.url) as database:
        headers = make_token(database)
        ports = [free_port(), free_port()]
        with ExitStack() as opened:
            for number, port in enumerate(ports):
                config = _configure(folder, server.url, f"replica{number}", extra=sync)
                opened.enter_context(serving_process(config, port=port))
            load = opened.enter_context(
                Load([f"http://127.0.0.1:{port}" for port in ports], headers)
            )
            load.await_verdicts(20)
            for extra in ((20,), (20, 21), (21, 22)):
                source.write_text(list_of(*LISTED, *extra, algorithms=("pdq", "sha256")))
                load.await_verdicts(30)
            deadline = time.monotonic() + PATIENCE_S
            while _synced(ports[0], headers) != {"one", "two"}:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        _check_records(load, database)


def _synced(port: int, headers: dict[str, str]) -> set[str]:
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/lists", headers=headers, timeout=PATIENCE_S)
    return {one["list"] for one in answer.json()["lists"] if one["generation"]}


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


@pytest.mark.long
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
            process.wait(PATIENCE_S)
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
            metrics = httpx.get(
                f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=PATIENCE_S
            ).text
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
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
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
