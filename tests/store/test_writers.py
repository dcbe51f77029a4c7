"""The queue of writers: first come, first served, over threads, processes and their deaths."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import StoreLockedError
from hashmatch.store.engine import Database
from hashmatch.store.engine.turns import Turns
from hashmatch.store.engine.writers import WriterQueue
from hashmatch.store.lists import create_list, read_lists

pytestmark = pytest.mark.sqlite
# Nothing here takes this long; a test that would fail ends at last.
PATIENCE_S = 60
# Holds its turn until it is killed.
HOLDER = """
import sys
from pathlib import Path
from hashmatch.store.engine.writers import WriterQueue
with WriterQueue(1, Path(sys.argv[1])).turn(60, background=False) as has_turn:
    print(has_turn, flush=True)
    sys.stdin.read()
"""


class _Line:
    """Writers that wait in line, each with a queue as another process has it.

    Locks belong to the opened file, so that the processes may be one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.order: list[str] = []
        self._threads: list[threading.Thread] = []

    def queue(self) -> WriterQueue:
        return WriterQueue(1, self.path)

    def add(self, name: str, *, queue: WriterQueue | None = None, background: bool = False) -> None:
        """Let a writer come, and return once it waits."""
        own, before = queue or self.queue(), self._next_ticket()

        def work() -> None:
            with own.turn(PATIENCE_S, background=background) as has_turn:
                assert has_turn
                self.order.append(name)

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()
        if not background and queue is None:
            _wait_for(lambda: self._next_ticket() > before)

    def wait(self) -> list[str]:
        """Return in which order all had their turns."""
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return self.order

    def _next_ticket(self) -> int:
        file = self.path.with_name(f"{self.path.name}-queue")
        return int.from_bytes(file.read_bytes(), "little")


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def line(tmp_path: Path) -> _Line:
    return _Line(tmp_path / "db")


def test_processes_write_in_the_order_in_which_they_came(line: _Line) -> None:
    with line.queue().turn(1, background=False):
        for name in "abcdefgh":
            line.add(name)
        assert line.order == []
    assert line.wait() == list("abcdefgh")


def test_a_loop_of_transactions_goes_behind_whoever_waits(line: _Line) -> None:
    loop = line.queue()
    with loop.turn(1, background=False):
        line.add("other")
    with loop.turn(PATIENCE_S, background=False):
        assert line.order == ["other"]


def test_long_work_lets_others_go_first(line: _Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashmatch.store.engine.writers.PATIENCE_S", PATIENCE_S)
    with line.queue().turn(1, background=False):
        line.add("long work", background=True)
        line.add("a")
        line.add("b")
    assert line.wait() == ["a", "b", "long work"]


def test_long_work_has_its_turn_beside_writers_without_end(line: _Line) -> None:
    busy, is_over = [line.queue(), line.queue()], threading.Event()

    def work(queue: WriterQueue) -> None:
        while not is_over.is_set():
            with queue.turn(PATIENCE_S, background=False):
                pass

    threads = [threading.Thread(target=work, args=(one,)) for one in busy]
    for thread in threads:
        thread.start()
    with line.queue().turn(PATIENCE_S, background=True) as has_turn:
        is_over.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert has_turn


def test_threads_of_a_process_write_in_turn_and_long_work_waits_for_them(line: _Line) -> None:
    queue = line.queue()
    with queue.turn(1, background=False):
        line.add("a", queue=queue)
        line.add("b", queue=queue)
    assert sorted(line.wait()) == ["a", "b"]


def test_who_waits_too_long_gives_up_and_blocks_nobody(line: _Line) -> None:
    with line.queue().turn(1, background=False):
        for background in (False, True):
            with line.queue().turn(0.01, background=background) as has_turn:
                assert not has_turn
        line.add("later")
    assert line.wait() == ["later"]


def test_the_turn_of_a_killed_process_ends(line: _Line) -> None:
    arguments = [sys.executable, "-c", HOLDER, str(line.path)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        line.add("next")
        assert line.order == []
        process.send_signal(signal.SIGKILL)
        assert line.wait() == ["next"]


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 8, bytes(8)])
def test_a_damaged_file_of_the_queue_stops_nobody(line: _Line, content: bytes) -> None:
    file = line.path.with_name("db-queue")
    with line.queue().turn(1, background=False):
        file.write_bytes(content)
        with line.queue().turn(0.01, background=False) as has_turn:
            assert not has_turn
    with line.queue().turn(1, background=False) as has_turn:
        assert has_turn


def test_only_its_owner_may_read_the_file(line: _Line) -> None:
    with line.queue().turn(1, background=False):
        file = line.path.with_name("db-queue")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_folder_to_write_in_there_is_no_queue(tmp_path: Path) -> None:
    with WriterQueue(1, tmp_path / "nowhere" / "db").turn(1, background=False) as has_turn:
        assert has_turn


def test_whoever_cannot_write_in_time_is_told_that_it_is_locked(
    settings: Settings, database: Database
) -> None:
    with closing(Database(settings.database_url)) as other, other.writing():
        for background in (False, True):
            with pytest.raises(StoreLockedError), database.writing(background=background):
                pass
    with database.writing(background=True) as session:
        create_list(session, "one")
    with database.reading() as session:
        assert len(read_lists(session)) == 1


def test_turns_follow_the_time_that_they_take(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr("hashmatch.store.engine.turns.time.perf_counter", lambda: now_s)
    turns = database.turns()
    sizes = []
    for took_s in (0.001, 0.001, 10.0, 10.0, 10.0, 10.0):
        sizes.append(turns.rows)
        with turns.next() as session:
            assert isinstance(session, Session)
            now_s += took_s
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[2] > sizes[3] > sizes[4] > turns.rows > 0
    assert isinstance(turns, Turns)
