"""Processes that publish, merge and read while others do, or are killed."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.errors import IndexStaleError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, LiveIndex, catch_up
from hashmatch.index.segments import open_segment, open_withdrawn
from hashmatch.store.engine import Database
from tests.index.stores import assert_right, fill, value_of

# For each number on stdin a copy of this process publishes and merges until that many calls.
_PUBLISH_AND_MERGE = """
import os, signal, sys
from pathlib import Path
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, catch_up, kernels, merge, segments  # loaded once
from hashmatch.wiring import open_database

segments._SMALL_ENTRIES, segments._MERGE_RATIO = 0, 0.5
settings = Settings(data_dir=Path(sys.argv[1]))
steps = 0

def dying(function, last):
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return step

def work(last):
    database, folder = open_database(settings), IndexFolder(settings.index_dir)
    for name in ("fsync", "unlink", "replace", "open", "fdopen"):
        setattr(os, name, dying(getattr(os, name), last))
    catch_up(database, folder, ALGORITHMS)
    merge(folder, ALGORITHMS, everything=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        work(int(line))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture
def run_until(settings: Settings) -> Iterator[Callable[[int], int]]:
    """Publishes and merges in a process that is killed at a step; returns how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", _PUBLISH_AND_MERGE, str(settings.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run(step: int) -> int:
            stdin.write(f"{step}\n")
            stdin.flush()
            return int(stdout.readline())

        yield run
        stdin.close()


@pytest.mark.parametrize("distance", [7, pytest.param(1, marks=pytest.mark.long)])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_index_complete(
    settings: Settings,
    database: Database,
    folder: IndexFolder,
    run_until: Callable[[int], int],
    distance: int,
) -> None:
    """A process is killed before each of the calls by which it publishes and merges."""
    fill(database, "one", range(30))
    catch_up(database, folder, ALGORITHMS)
    step, end = 1 - distance, -signal.SIGKILL
    while end == -signal.SIGKILL and step < 200:
        step += distance
        fill(database, "one", range(step, step + 30))
        end = run_until(step)
        _assert_published_is_complete(folder)
        with closing(LiveIndex(database, settings.index_dir, ALGORITHMS)) as live:
            assert_right(live, database)
    assert end == 0
    assert step > 15
    # The files that killed processes left behind go with the next generation.
    fill(database, "one", range(500, 510))
    manifest = catch_up(database, folder, ALGORITHMS)
    assert {path.name for path in folder.path.glob("*.arrays")} == manifest.file_names()


def _assert_published_is_complete(folder: IndexFolder) -> None:
    """The index in force can be read, whichever it is."""
    manifest = folder.manifest()
    assert manifest is not None
    open_withdrawn(folder, manifest)
    for mark in manifest.segments:
        open_segment(folder, manifest.store_id, ALGORITHMS[mark.algorithm], mark)


@pytest.mark.parametrize("generations", [15, pytest.param(100, marks=pytest.mark.long)])
def test_a_day_of_changes_leaves_nothing_behind_and_no_answer_wrong(
    settings: Settings, database: Database, folder: IndexFolder, generations: int
) -> None:
    """Many generations under constant queries, by a reader that follows in its background."""
    fill(database, "stays", range(100, 200))
    fill(database, "changes", range(30))
    live = LiveIndex(database, settings.index_dir, ALGORITHMS, max_age_s=60, poll_s=0.001)
    missed: list[int] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            (found_now,) = live.snapshot().search_many("pdq", [value_of(150)], 0)
            missed.extend([] if len(found_now) == 1 else [len(found_now)])

    with closing(live):
        live.snapshot()
        asking = threading.Thread(target=ask_on)
        asking.start()
        for number in range(1, generations + 1):
            fill(database, "changes", range(number, number + 30))
        _wait_for(lambda: live.snapshot().lists[0].generation == generations + 1)
        is_over.set()
        asking.join()
        assert missed == []
        assert_right(live, database)
        manifest = folder.manifest()
        assert manifest is not None
        _wait_for(lambda: len(_mapped(folder)) <= 2 * len(manifest.file_names()))
        _wait_for(lambda: len(list(folder.path.glob("*.arrays"))) <= 4)
    assert not [one for one in threading.enumerate() if one.name.startswith("hashmatch-index")]
    gc.collect()
    assert _mapped(folder) == set()


def _mapped(folder: IndexFolder) -> set[str]:
    """Return the files of the folder that this process has in its memory."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[-1] for line in lines if str(folder.path) in line}


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_reader_that_cannot_follow_says_so_and_recovers(
    settings: Settings, database: Database
) -> None:
    fill(database, "one", range(10))
    live = LiveIndex(database, settings.index_dir, ALGORITHMS, max_age_s=0.3, poll_s=0.01)
    with closing(live):
        _wait_for(lambda: _is_current(live, database))
        manifest = settings.index_dir / "manifest.json"
        manifest.chmod(0o666)
        fill(database, "one", range(20))
        _wait_for(lambda: "other users may write" in _staleness(live))
        manifest.chmod(0o600)
        _wait_for(lambda: _is_current(live, database))


def _staleness(live: LiveIndex) -> str:
    """Return why the reader is stale, "" where it is not."""
    try:
        live.snapshot()
    except IndexStaleError as error:
        return error.message
    return ""


def _is_current(live: LiveIndex, database: Database) -> bool:
    try:
        assert_right(live, database)
    except (IndexStaleError, AssertionError):
        return False
    return True
