"""Decoding in processes of their own: whatever happens there costs one image and gets nowhere."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.imaging import PoolIntake, ProcessFailedError
from hashmatch.outcome import Reason
from tests.imaging.pool.pools import ALL, make_pool, reason_of, told_by
from tests.imaging.samples import FORMATS
from tests.pictures import GENEROUS, drawn, read


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_file_reads_the_same_as_in_this_process(pool: PoolIntake, image_format: str) -> None:
    """Nothing that a format needs may be left to load once the process has locked itself in."""
    data = drawn(1, image_format)
    assert pool.read(data, ALL) == read(data, *ALL)


def test_every_hash_is_the_same_as_in_this_process(pool: PoolIntake) -> None:
    data = drawn(1)
    assert pool.read(data, ALGORITHMS.keys()) == read(data)


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
        ("loop", Reason.TIMED_OUT),
        ("sleep", Reason.TIMED_OUT),
        ("dribble", Reason.TIMED_OUT),
        ("use-up-time", Reason.TIMED_OUT),
        ("swell", Reason.OUT_OF_MEMORY),
        ("swell-slowly", Reason.OUT_OF_MEMORY),
        ("answer no JSON", Reason.DECODER_CRASHED),
    ],
)
def test_a_process_that_goes_wrong_costs_its_own_image_only(
    obedient: PoolIntake, order: str, reason: Reason
) -> None:
    expected = read(drawn(1), *ALL)
    assert obedient.read(drawn(1), ALL) == expected
    before = obedient.pids()
    reading = obedient.read(order.encode(), ALL)
    assert reason_of(reading) is reason
    # The exact hash was computed on this side, so a listed file would still have matched.
    assert [one.algorithm.name for one in reading.hashes] == ["sha256"]
    assert obedient.read(drawn(1), ALL) == expected
    assert obedient.pids() != before


def test_a_process_killed_from_outside_costs_the_image_that_it_was_reading() -> None:
    with closing(make_pool()) as pool, ThreadPoolExecutor() as threads:
        assert reason_of(pool.read(drawn(1), ALL)) is None
        (pid,) = pool.pids()
        waiting = threads.submit(pool.read, b"sleep", ALL)
        while pool.pids():
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert reason_of(waiting.result()) is Reason.DECODER_CRASHED
        assert reason_of(pool.read(drawn(1), ALL)) is None


def test_a_process_killed_while_it_waits_costs_nothing() -> None:
    with closing(make_pool()) as pool:
        assert reason_of(pool.read(drawn(1), ALL)) is None
        for _ in range(3):
            (pid,) = pool.pids()
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert reason_of(pool.read(drawn(1), ALL)) is None


def test_a_process_that_stands_still_is_given_up(obedient: PoolIntake) -> None:
    assert reason_of(obedient.read(drawn(1), ALL)) is None
    (pid,) = obedient.pids()
    os.kill(pid, signal.SIGSTOP)
    assert reason_of(obedient.read(drawn(1), ALL)) is Reason.TIMED_OUT
    assert reason_of(obedient.read(drawn(1), ALL)) is None


def test_a_file_that_is_not_taken_in_is_given_up_too(obedient: PoolIntake) -> None:
    """A file larger than the pipe blocks its sender when nobody reads."""
    assert reason_of(obedient.read(drawn(1), ALL)) is None
    (pid,) = obedient.pids()
    os.kill(pid, signal.SIGSTOP)
    assert reason_of(obedient.read(bytes(50_000_000), ALL)) is Reason.TIMED_OUT


def test_processor_time_is_allowed_for_each_file_anew() -> None:
    with closing(make_pool(timeout_s=30)) as pool:
        for _ in range(3):
            assert told_by(pool, "work 0.7") == "done"
        assert float(told_by(pool, "time-left").removeprefix("succeeded: ")) >= 30


def test_a_file_that_does_not_fit_is_out_of_memory() -> None:
    roomy = replace(GENEROUS, max_bytes=10**9)
    pool = PoolIntake(roomy, workers=1, timeout_s=30, max_memory_bytes=500_000_000)
    with closing(pool):
        assert reason_of(pool.read(bytes(600_000_000), ALL)) is Reason.OUT_OF_MEMORY
        assert reason_of(pool.read(drawn(1), ALL)) is None


def test_processes_are_replaced_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashmatch.imaging.pool.intake._REQUESTS_EACH", 2)
    with closing(make_pool()) as pool:
        seen = []
        for _ in range(4):
            assert reason_of(pool.read(drawn(1), ALL)) is None
            seen += pool.pids()
        assert len(set(seen)) == 3


def test_an_algorithm_that_was_not_loaded_yet_is_loaded(obedient: PoolIntake) -> None:
    data = drawn(1)
    for algorithms in ({"pdq"}, {"phash", "sha256"}, {"pdq", "whash"}, {"md5"}, set[str]()):
        reading = obedient.read(data, algorithms)
        assert {one.algorithm.name for one in reading.hashes} == algorithms
        assert reading.media is not None


def test_many_threads_get_their_own_answers(pool: PoolIntake) -> None:
    files = {seed: drawn(seed) for seed in range(1, 9)}
    expected = {seed: read(data, *ALL) for seed, data in files.items()}
    with ThreadPoolExecutor(8) as threads:
        seeds = [seed % 8 + 1 for seed in range(160)]
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


def test_no_process_outlives_themake_pool() -> None:
    pool = make_pool(workers=2)
    pool.read(drawn(1), ALL)
    pids = pool.pids()
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_process_outlives_a_pool_that_is_closed_under_a_scan() -> None:
    pool = make_pool(timeout_s=2)
    pool.read(drawn(1), ALL)
    scan = threading.Thread(target=pool.read, args=(b"sleep", ALL))
    scan.start()
    while pool.pids():
        time.sleep(0.01)
    pool.close()
    scan.join()
    assert pool.pids() == []


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
