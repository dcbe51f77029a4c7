"""Decoding in processes of their own: whatever happens there costs one image and gets nowhere."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.imaging import PoolIntake, ProcessFailedError
from hashmatch.outcome import Reason
from tests.imaging.pool.pools import ALL, EXACT, REAL, claimed_by, make_pool, reason_of
from tests.imaging.samples import FORMATS
from tests.pictures import GENEROUS, drawn, encoded, photograph, read


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_file_reads_the_same_as_in_this_process(pool: PoolIntake, image_format: str) -> None:
    """Nothing that a format needs may be left to load once the process has locked itself in."""
    data = drawn(1, image_format)
    assert pool.read(data, ALL) == read(data, *ALL)


@pytest.mark.parametrize("image_format", ["WEBP", "PNG"])
def test_the_faster_decoders_are_there_in_a_process_that_has_locked_itself_in(
    image_format: str,
) -> None:
    with closing(make_pool()) as pool:
        assert reason_of(pool.read(drawn(1), {"pdq"})) is None
        order = f"decoder-of {drawn(1, image_format).decode('latin-1')}".encode("latin-1")
        failure = pool.read(order, {"pdq"}).failure
    assert failure is not None
    assert failure.detail == "succeeded: Image"


@pytest.mark.parametrize("data", [b"", b"text", drawn(1)[:9000], drawn(1, "WEBP")[:9000]])
def test_what_is_no_picture_fails_the_same_as_in_this_process(
    pool: PoolIntake, data: bytes
) -> None:
    assert pool.read(data, ALL) == read(data, *ALL)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("kill", Reason.DECODER_CRASHED),
        ("crash", Reason.DECODER_CRASHED),
        ("exit", Reason.DECODER_CRASHED),
        ("use-up-time", Reason.TIMED_OUT),
        ("swell", Reason.OUT_OF_MEMORY),
        ("swell-slowly", Reason.OUT_OF_MEMORY),
        ("answer no JSON", Reason.DECODER_CRASHED),
    ],
)
def test_a_process_that_goes_wrong_costs_its_own_image_only(
    obedient: PoolIntake, order: str, reason: Reason
) -> None:
    _require_lost(obedient, order, reason)


@pytest.mark.parametrize("order", ["loop", "sleep", "dribble"])
def test_a_process_that_takes_too_long_costs_its_own_image_only(
    hasty: PoolIntake, order: str
) -> None:
    _require_lost(hasty, order, Reason.TIMED_OUT)


def _require_lost(pool: PoolIntake, order: str, reason: Reason) -> None:
    """Fail where an order costs another image than its own, or more than one process."""
    expected = read(drawn(1), *EXACT)
    assert expected.media is not None
    assert pool.read(drawn(1), EXACT) == expected
    before = pool.pids()
    reading = pool.read(order.encode(), EXACT)
    assert reason_of(reading) is reason
    # The exact hash was computed on this side, so a listed file would still have matched.
    assert [one.algorithm.name for one in reading.hashes] == ["sha256"]
    assert pool.read(drawn(1), EXACT) == expected
    assert pool.pids() != before


def test_a_process_killed_from_outside_costs_the_image_that_it_was_reading() -> None:
    with closing(make_pool()) as pool, ThreadPoolExecutor() as threads:
        assert reason_of(pool.read(drawn(1), EXACT)) is None
        (pid,) = pool.pids()
        waiting = threads.submit(pool.read, b"stop", EXACT)
        _await_stopped(pid)
        os.kill(pid, signal.SIGKILL)
        assert reason_of(waiting.result()) is Reason.DECODER_CRASHED
        assert reason_of(pool.read(drawn(1), EXACT)) is None


def _await_stopped(pid: int) -> None:
    """Wait until a process has obeyed the order to stop: it is reading its image then."""
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def test_a_process_killed_while_it_waits_costs_nothing() -> None:
    with closing(make_pool()) as pool:
        assert reason_of(pool.read(drawn(1), EXACT)) is None
        for _ in range(3):
            (pid,) = pool.pids()
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert reason_of(pool.read(drawn(1), EXACT)) is None


def test_a_process_that_stands_still_is_given_up(hasty: PoolIntake) -> None:
    assert reason_of(hasty.read(drawn(1), EXACT)) is None
    (pid,) = hasty.pids()
    os.kill(pid, signal.SIGSTOP)
    assert reason_of(hasty.read(drawn(1), EXACT)) is Reason.TIMED_OUT
    assert reason_of(hasty.read(drawn(1), EXACT)) is None


def test_a_file_that_is_not_taken_in_is_given_up_too(hasty: PoolIntake) -> None:
    """A file larger than the pipe blocks its sender when nobody reads."""
    assert reason_of(hasty.read(drawn(1), EXACT)) is None
    (pid,) = hasty.pids()
    os.kill(pid, signal.SIGSTOP)
    assert reason_of(hasty.read(bytes(50_000_000), EXACT)) is Reason.TIMED_OUT


def test_processor_time_is_allowed_for_each_file_anew() -> None:
    with closing(make_pool(timeout_s=60)) as pool:
        for _ in range(2):
            assert claimed_by(pool, "work 0.6") == "done"
        assert float(claimed_by(pool, "time-left").removeprefix("succeeded: ")) >= 60


def test_a_file_that_does_not_fit_is_out_of_memory() -> None:
    roomy = replace(GENEROUS, max_bytes=10**9)
    pool = PoolIntake(roomy, workers=1, timeout_s=60, max_memory_bytes=600_000_000)
    with closing(pool):
        assert reason_of(pool.read(bytes(600_000_000), {"pdq"})) is Reason.OUT_OF_MEMORY
        assert reason_of(pool.read(drawn(1), {"pdq"})) is None


def test_processes_are_replaced_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashmatch.imaging.pool.intake._MAX_REQUESTS_PER_PROCESS", 2)
    with closing(make_pool()) as pool:
        seen = []
        for _ in range(4):
            assert reason_of(pool.read(drawn(1), EXACT)) is None
            seen += pool.pids()
        assert len(set(seen)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says what a process took")
def test_a_process_keeps_its_memory_for_the_next_file(pool: PoolIntake) -> None:
    """A picture of two megapixels took five thousand pages anew, and half of its time with them."""
    data = encoded(photograph(1, 1920, 1220), "JPEG")
    for _ in range(2):
        assert reason_of(pool.read(data, {"pdq"})) is None
    (pid, *_) = reversed(pool.pids())
    before = _pages_taken(pid)
    for _ in range(3):
        assert reason_of(pool.read(data, {"pdq"})) is None
    assert pool.pids()[-1] == pid
    assert _pages_taken(pid) - before < 500


def _pages_taken(pid: int) -> int:
    """Return how often a process was given a page of memory (proc(5): minflt)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def test_an_algorithm_that_was_not_loaded_yet_is_loaded() -> None:
    data = drawn(1)
    with closing(make_pool(module=REAL)) as pool:
        for algorithms in ({"md5"}, {"pdq", "sha256"}, set(ALGORITHMS), {"pdq"}, set[str]()):
            reading = pool.read(data, algorithms)
            assert {one.algorithm.name for one in reading.hashes} == algorithms
            if algorithms:
                assert reading == read(data, *algorithms)
            assert reading.media is not None


def test_many_threads_get_their_own_answers(pool: PoolIntake) -> None:
    files = {seed: drawn(seed) for seed in range(1, 9)}
    expected = {seed: read(data, *ALL) for seed, data in files.items()}
    with ThreadPoolExecutor(8) as threads:
        seeds = [seed % 8 + 1 for seed in range(80)]
        found = list(threads.map(lambda seed: pool.read(files[seed], ALL), seeds))
    assert found == [expected[seed] for seed in seeds]
    assert len(pool.pids()) <= 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_starts_processes_of_its_own(pool: PoolIntake) -> None:
    expected = pool.read(drawn(1), ALL)
    before = pool.pids()
    child = os.fork()
    if not child:
        same = pool.read(drawn(1), ALL) == expected and not set(pool.pids()) & set(before)
        pool.close()
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.read(drawn(1), ALL) == expected
    assert set(pool.pids()) >= set(before)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_pool_that_a_forked_process_closes_goes_on(pool: PoolIntake) -> None:
    expected = pool.read(drawn(1), ALL)
    before = pool.pids()
    child = os.fork()
    if not child:
        pool.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.read(drawn(1), ALL) == expected
    assert pool.pids() == before


def test_no_process_outlives_the_pool() -> None:
    pool = make_pool(workers=2)
    pool.read(drawn(1), EXACT)
    pids = pool.pids()
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL])
def test_no_process_outlives_a_pool_that_is_closed_under_a_scan(end: signal.Signals) -> None:
    """Whether its process answers in the end or dies."""
    pool = make_pool()
    pool.read(drawn(1), EXACT)
    (pid,) = pool.pids()
    scan = threading.Thread(target=pool.read, args=(b"stop", EXACT))
    scan.start()
    _await_stopped(pid)
    pool.close()
    os.kill(pid, end)
    scan.join()
    assert pool.pids() == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_that_cannot_start_says_why() -> None:
    with closing(make_pool(module="no.such.module")) as pool:
        reading = pool.read(drawn(1), ALL)
        assert reason_of(reading) is Reason.DECODER_CRASHED
        assert reading.failure is not None
        assert "No module named 'no'" in reading.failure.detail
        with pytest.raises(ProcessFailedError):
            pool.protections()


def test_hashes_keep_their_values_to_themselves(pool: PoolIntake) -> None:
    one = pool.read(drawn(1), {"pdq"}).hashes[0]
    assert isinstance(one, Hash)
    assert one.value.hex() not in repr(one)
