"""Whatever fails under load: no false "clear", no lost or doubled match, and recovery by itself."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.service.serving import serve
from hashmatch.store.engine import Database
from tests.pictures import list_of
from tests.postgresql import StoppableServer, new_database, prepared_database
from tests.service.faults import (
    LISTED,
    Load,
    check_records,
    configure,
    filled_store,
    serving_replica,
)
from tests.service.serving import (
    PATIENCE_S,
    ask_readiness,
    await_ready,
    free_port,
    make_token,
    serving_process,
)
from tests.store.importing import import_text

# For as many waits as a test has.
pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/hashmatch.db"


@pytest.mark.long
def test_a_postgresql_that_stops_and_starts_again(folder: Path) -> None:
    with StoppableServer() as server, filled_store(server.url) as database:
        headers, port = make_token(database), free_port()
        with (
            serving_process(configure(folder, server.url), port=port),
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
        check_records(load, database)


def _await_unready(port: int, reason: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask_readiness(port)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (answer.status_code, answer.json()["reason"]) == (503, reason)


@pytest.mark.long
@pytest.mark.parametrize("times", [2, 20])
def test_decoders_that_are_killed(folder: Path, sqlite_url: str, times: int) -> None:
    with filled_store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = configure(folder, sqlite_url, isolation="process")
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
        check_records(load, database)


def test_an_index_that_is_removed(folder: Path, sqlite_url: str) -> None:
    with filled_store(sqlite_url) as database:
        headers = make_token(database)
        with (
            serving_replica(folder / "replica", sqlite_url, database) as url,
            Load([url], headers) as load,
        ):
            load.await_verdicts(10)
            shutil.rmtree(folder / "replica" / "index")
            load.await_verdicts(20)
            # It is built again, and followed.
            import_text(database, "one", list_of(*LISTED, 4, algorithms=("pdq", "sha256")))
            load.await_verdicts(20)
        check_records(load, database)


@pytest.mark.parametrize("isolation", ["none", pytest.param("process", marks=pytest.mark.long)])
def test_a_service_that_is_stopped_finishes_what_it_accepted(
    folder: Path, sqlite_url: str, isolation: str
) -> None:
    with filled_store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = configure(folder, sqlite_url, isolation=isolation)
        with Load([f"http://127.0.0.1:{port}"], headers) as load:
            for blow in (signal.SIGTERM, signal.SIGINT):
                with serving_process(config, port=port) as process:
                    load.await_verdicts(20)
                    process.send_signal(blow)
                    assert process.wait(PATIENCE_S) in (0, -blow)
            # Connections are refused while there is no service; none breaks in the middle.
            assert set(load.reasons) <= {"ConnectError", "RemoteProtocolError", "ReadError"}
        check_records(load, database)


@pytest.mark.parametrize(
    ("isolation", "times"), [("none", 2), pytest.param("process", 5, marks=pytest.mark.long)]
)
def test_a_service_that_is_killed_loses_no_match(
    folder: Path, sqlite_url: str, isolation: str, times: int
) -> None:
    with filled_store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = configure(folder, sqlite_url, isolation=isolation)
        with Load([f"http://127.0.0.1:{port}"], headers) as load:
            for _ in range(times):
                with serving_process(config, port=port) as process:
                    load.await_verdicts(10)
                    process.kill()
                    process.wait(PATIENCE_S)
        check_records(load, database)


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
        with filled_store(url) as database:
            headers, port = make_token(database), free_port()
            config = configure(folder, url)
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
            check_records(load, database)
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
        serving_replica(folder / "replica0", url, database) as one,
        serving_replica(folder / "replica1", url, database) as other,
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
        check_records(load, database)


@pytest.mark.long
def test_two_replicas_that_sync_and_scan_over_one_postgresql(folder: Path) -> None:
    source = folder / "list.csv"
    source.write_text(list_of(*LISTED, algorithms=("pdq", "sha256")))
    sync = f'sync_interval_s = 1\n[lists.two]\nsource = "file"\npath = "{source}"\n'
    with StoppableServer() as server, filled_store(server.url) as database:
        headers = make_token(database)
        ports = [free_port(), free_port()]
        with ExitStack() as opened:
            for number, port in enumerate(ports):
                config = configure(folder, server.url, f"replica{number}", extra=sync)
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
        check_records(load, database)


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
    with filled_store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = configure(folder, sqlite_url)
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
        check_records(load, database)


def test_workers_share_one_index_and_their_metrics(folder: Path, sqlite_url: str) -> None:
    with filled_store(sqlite_url) as database:
        headers, port = make_token(database), free_port()
        config = configure(folder, sqlite_url)
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
        check_records(load, database)


def test_settings_that_cannot_work_stop_it_before_it_listens(folder: Path, sqlite_url: str) -> None:
    config = configure(folder, sqlite_url)
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
