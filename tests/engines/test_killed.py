"""A back-fill whose processes are killed has the record of one that nobody disturbed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select

from hashmatch.store.engine import Database
from hashmatch.store.matches import read_daily_counts
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import (
    Backfill,
    BackfillCount,
    BackfillResult,
    BackfillShard,
    Case,
    Content,
    MatchRecord,
)
from tests.command_line import CommandLine
from tests.pictures import drawn, encoded, list_of, photograph
from tests.postgresql import StoppableServer
from tests.programs import require_program
from tests.tracing import require_unwritten, traced, traces_of

_IMAGES, _LISTED, _DAMAGED = 200, 12, 8
_KILLS, _FEWEST_KILLS = 10, 4
_PATIENCE_S = 300

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures, some of them listed, and some damaged."""
    folder = tmp_path_factory.mktemp("uploads")
    for number in range(_IMAGES):
        data = drawn(number)
        if number >= _LISTED:
            data = encoded(photograph(number, 640, 480), "JPEG", quality=85)
        data = data[:500] if number >= _IMAGES - _DAMAGED else data
        (folder / f"{number % 7}").mkdir(exist_ok=True)
        (folder / f"{number % 7}" / f"{number}.jpg").write_bytes(data)
    return folder


class _Runs:
    """Back-fills of one store, as processes."""

    def __init__(self, folder: Path, url: str, uploads: Path) -> None:
        self.line = CommandLine.initialised(folder)
        config = folder / "hashmatch.toml"
        config.write_text(f'{config.read_text()}[database]\nurl = "{url}"\n')
        self.database = Database(url)
        upgrade(self.database)
        file = self.line.write("one.csv", list_of(*range(_LISTED), algorithms=("pdq", "sha256")))
        command = [*self._command(), "lists", "import", "one", str(file)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        self._arguments = ("backfill", str(uploads), "--level", "thorough", "--workers", "1")

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "hashmatch"]

    @contextmanager
    def running(self) -> Iterator[psutil.Popen]:
        """Start one, and give it."""
        command = [*self._command(), *self._arguments]
        with psutil.Popen(
            command, cwd=self.line.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            yield process

    def finish(self) -> None:
        """Run one to its end, which has something unscreened to tell of."""
        with self.running() as process:
            _, errors = process.communicate(timeout=_PATIENCE_S)
        assert process.returncode == 2, errors.decode()
        assert b"hashmatch:" not in errors, errors.decode()

    def done(self) -> int:
        """Return the number of images that are on record."""
        with self.database.reading() as session:
            return session.scalar(select(func.sum(BackfillCount.count))) or 0

    def has_ended(self) -> bool:
        """Say whether everything is on record."""
        with self.database.reading() as session:
            return session.scalar(select(Backfill.ended_at)) is not None

    def record(self) -> dict[str, Any]:
        """Return everything on record that does not depend on time."""
        with self.database.reading() as session:
            matches = select(
                Content.content_id,
                MatchRecord.entry_id,
                MatchRecord.algorithm,
                MatchRecord.distance_bits,
                MatchRecord.view,
                MatchRecord.action,
            ).join(Content, Content.key == MatchRecord.content_key)
            counts = select(BackfillCount.outcome, BackfillCount.reason, BackfillCount.count)
            left = [BackfillResult, BackfillShard]
            return {
                "matches": sorted(tuple(row) for row in session.execute(matches)),
                "cases": sorted(session.scalars(select(Case.content_id))),
                "counts": sorted(tuple(row) for row in session.execute(counts)),
                "daily": read_daily_counts(session),
                "back-fills": session.scalar(select(func.count()).select_from(Backfill)),
                "left": [session.scalar(select(func.count()).select_from(one)) for one in left],
            }


@contextmanager
def _runs(folder: Path, url: str, uploads: Path) -> Iterator[_Runs]:
    runs = _Runs(folder, url, uploads)
    with closing(runs.database):
        yield runs


@pytest.fixture(scope="module")
def undisturbed(uploads: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a back-fill that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    with _runs(folder, f"sqlite:///{folder}/store.db", uploads) as runs:
        runs.finish()
        record = runs.record()
    counts = {(outcome, reason): number for outcome, reason, number in record["counts"]}
    assert counts["matched", ""] >= _LISTED
    assert sum(counts.values()) == _IMAGES
    return record


def _await_progress(runs: _Runs, process: psutil.Popen, done: int) -> bool:
    """Wait until something more is on record; False where the process has ended before."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        with suppress(Exception):
            if runs.done() > done:
                return True
        time.sleep(0.05)
    raise AssertionError("nothing more came on record")


def test_a_driver_and_decoders_that_are_killed(
    uploads: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    chosen = random.Random(7)
    folder = tmp_path / "run"
    with _runs(folder, f"sqlite:///{folder}/store.db", uploads) as runs:
        killed = 0
        for number in range(_KILLS):
            with runs.running() as process:
                if number % 3 == 2:
                    _kill_decoders(runs, process, chosen)
                elif number % 3 == 1:
                    _await_progress(runs, process, runs.done())
                else:  # Between starting and the first record, or some after it.
                    time.sleep(1 + 3 * chosen.random())
                process.kill()
                killed += process.wait(_PATIENCE_S) < 0
            if runs.has_ended():
                break
        assert killed >= _FEWEST_KILLS
        if not runs.has_ended():
            runs.finish()
        assert runs.record() == undisturbed


def _kill_decoders(runs: _Runs, process: psutil.Popen, chosen: random.Random) -> None:
    """Kill them twice, once perhaps as they start, and see that the run goes on."""
    done = runs.done()
    for _ in range(2):
        time.sleep(1 + 2 * chosen.random())
        with suppress(psutil.NoSuchProcess):
            for child in process.children(recursive=True):
                child.kill()
    _await_progress(runs, process, done)


def test_a_server_of_the_store_that_is_killed(
    uploads: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    with ExitStack() as opened:
        server = opened.enter_context(StoppableServer())
        runs = opened.enter_context(_runs(tmp_path / "run", server.url, uploads))
        ends: tuple[Callable[[], None], ...] = (server.kill, server.stop, server.kill)
        with runs.running() as process:
            for end in ends:
                if not _await_progress(runs, process, runs.done()):
                    break
                end()
                server.start()
            process.wait(_PATIENCE_S)
        if not runs.has_ended():
            runs.finish()
        assert runs.record() == undisturbed


def test_two_drivers_at_once_share_the_work(
    uploads: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with _runs(folder, f"sqlite:///{folder}/store.db", uploads) as runs:
        with runs.running() as first, runs.running() as second:
            for one in (first, second):
                one.communicate(timeout=_PATIENCE_S)
        assert {first.returncode, second.returncode} == {2}
        record = runs.record()
        # One that came when the other had ended found that nothing was under way.
        assert record["matches"] == undisturbed["matches"]


def test_it_writes_no_piece_of_an_image_to_any_file(command_line: CommandLine) -> None:
    require_program("strace")
    command_line.import_pictures("one", 0, 1)
    files = {}
    for number in range(12):
        files[f"in/{number:03}"] = drawn(number, "JPEG" if number % 2 else "PNG")
    for name, data in files.items():
        command_line.write(name, data)
    subprocess.run(["tar", "czf", "all.tar.gz", "in"], cwd=command_line.folder, check=True)
    command = traced(
        command_line, "backfill", "in", "all.tar.gz", "--outcomes", "out", "--show-hashes"
    )
    result = subprocess.run(command, cwd=command_line.folder, capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    require_unwritten(traces_of(command_line), files)
