"""Decoding in processes of their own: whatever happens there costs one image and gets nowhere."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.imaging import PoolIntake, ProcessFailedError, Reading
from hashmatch.outcome import Reason
from tests.imaging.samples import FORMATS
from tests.pictures import GENEROUS, drawn, read

ALL = frozenset({"pdq", "sha256"})
MISBEHAVING = "tests.imaging.pool.misbehaving"


def _pool(*, timeout_s: float = 30, workers: int = 1, module: str = MISBEHAVING) -> PoolIntake:
    return PoolIntake(
        GENEROUS,
        workers=workers,
        timeout_s=timeout_s,
        max_memory_bytes=800_000_000,
        module=module,
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[PoolIntake]:
    """The pool as it is used."""
    with closing(_pool(module="hashmatch.imaging.pool.worker", workers=2)) as pool:
        yield pool


@pytest.fixture(scope="module")
def obedient() -> Iterator[PoolIntake]:
    """A pool whose one process does what files say, in a short time."""
    with closing(_pool(timeout_s=2)) as pool:
        yield pool


def _reason(reading: Reading) -> Reason | None:
    return None if reading.failure is None else reading.failure.reason


def _told(pool: PoolIntake, order: str) -> str:
    failure = pool.read(order.encode(), ALL).failure
    assert failure is not None
    return failure.detail


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
    assert _reason(reading) is reason
    # The exact hash was computed on this side, so a listed file would still have matched.
    assert [one.algorithm.name for one in reading.hashes] == ["sha256"]
    assert obedient.read(drawn(1), ALL) == expected
    assert obedient.pids() != before


def test_a_process_killed_from_outside_costs_the_image_that_it_was_reading() -> None:
    with closing(_pool()) as pool, ThreadPoolExecutor() as threads:
        assert _reason(pool.read(drawn(1), ALL)) is None
        (pid,) = pool.pids()
        waiting = threads.submit(pool.read, b"sleep", ALL)
        while pool.pids():
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert _reason(waiting.result()) is Reason.DECODER_CRASHED
        assert _reason(pool.read(drawn(1), ALL)) is None


def test_a_process_killed_while_it_waits_costs_nothing() -> None:
    with closing(_pool()) as pool:
        assert _reason(pool.read(drawn(1), ALL)) is None
        for _ in range(3):
            (pid,) = pool.pids()
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert _reason(pool.read(drawn(1), ALL)) is None


def test_a_process_that_stands_still_is_given_up(obedient: PoolIntake) -> None:
    assert _reason(obedient.read(drawn(1), ALL)) is None
    (pid,) = obedient.pids()
    os.kill(pid, signal.SIGSTOP)
    assert _reason(obedient.read(drawn(1), ALL)) is Reason.TIMED_OUT
    assert _reason(obedient.read(drawn(1), ALL)) is None


def test_a_file_that_is_not_taken_in_is_given_up_too(obedient: PoolIntake) -> None:
    """A file larger than the pipe blocks its sender when nobody reads."""
    assert _reason(obedient.read(drawn(1), ALL)) is None
    (pid,) = obedient.pids()
    os.kill(pid, signal.SIGSTOP)
    assert _reason(obedient.read(bytes(50_000_000), ALL)) is Reason.TIMED_OUT


MEDIA = ["PNG", 1, 1, 1]
HASH = ["pdq", "0" * 64, 100, 0, "original", "whole"]


def _answer(**other: object) -> str:
    """Return an answer to request 2 as it should be, but for some of its parts."""
    return json.dumps({"number": 2, "media": None, "hashes": [], "failure": None, **other})


def _with_hash(place: int, other: object) -> str:
    """Return an answer with one hash, which is right but for one of its columns."""
    row: list[object] = list(HASH)
    row[place] = other
    return _answer(media=MEDIA, hashes=[row])


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "[]",
        "null",
        "[" * 100_000,
        _answer(),
        _answer(number=1),
        _answer(hashes=[HASH]),
        _answer(media=MEDIA),
        _answer(media=MEDIA, hashes=[[*HASH[:3], 1, *HASH[4:]]]),
        _answer(media=MEDIA, hashes=[[*HASH[:5], "inner"]]),
        _answer(media=["PNG", True, 1, 1], hashes=[HASH]),
        _answer(media=["PNG", 2**31, 1, 1], hashes=[HASH]),
        _answer(number="2"),
        _answer(media=["../../x", 1, 1, 1]),
        _answer(media=["PNG", 0, 1, 1]),
        _answer(media=["PNG", "1", 1, 1]),
        _answer(media=["PNG", 1, 1]),
        _answer(hashes=7),
        _answer(hashes=[[]]),
        _answer(failure=["fine", "x"]),
        _answer(failure="truncated"),
        _with_hash(0, "sha256"),
        _with_hash(0, "nope"),
        _with_hash(1, "00"),
        _with_hash(1, "z" * 64),
        _with_hash(1, "00 " * 21 + "0"),
        _with_hash(2, 101),
        _with_hash(2, True),
        _with_hash(2, "100"),
        _with_hash(3, -1),
        _with_hash(4, "sideways"),
        _with_hash(5, "upside-down"),
    ],
)
def test_an_answer_of_another_shape_is_a_crash(answer: str) -> None:
    """Nothing but hashes of the algorithms asked for, for the image asked about, is believed."""
    with closing(_pool()) as pool:
        assert _reason(pool.read(drawn(1), ALL)) is None  # This was request 1.
        reading = pool.read(f"answer {answer}".encode(), ALL)
        assert _reason(reading) is Reason.DECODER_CRASHED
        assert [one.algorithm.name for one in reading.hashes] == ["sha256"]


def test_an_answer_of_the_agreed_shape_is_believed() -> None:
    """Or the answers above would be refused for something else."""
    with closing(_pool()) as pool:
        assert _reason(pool.read(drawn(1), ALL)) is None
        reading = pool.read(f"answer {_answer(media=MEDIA, hashes=[HASH])}".encode(), ALL)
    assert reading.failure is None
    assert [one.value for one in reading.hashes[1:]] == [bytes(32)]


def test_an_answer_of_far_too_many_bytes_is_not_waited_for(obedient: PoolIntake) -> None:
    assert "makes no sense" in _told(obedient, "announce")


def test_what_a_process_says_of_a_failure_is_cut_short() -> None:
    detail = "\\u001b[31mx\\ud800" + "x" * 5000
    answer = f'{{"number": 1, "media": null, "hashes": [], "failure": ["truncated", "{detail}"]}}'
    with closing(_pool()) as pool:
        told = _told(pool, f"answer {answer}")
    assert len(told) <= 200
    assert told.isprintable()


@pytest.mark.parametrize(
    "attempt",
    [
        "read /etc/passwd",
        "read /proc/self/environ",
        "list /",
        "write /tmp/kept",
        "write-to 1",
        "write-to 2",
        "write-to 3",
        "memory-file",
        "connect PORT",
        "send-datagram PORT",
        "run /bin/true",
        "signal PARENT",
        "import wave",
    ],
)
def test_a_process_gets_nowhere(obedient: PoolIntake, attempt: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        order = attempt.replace("PORT", str(server.getsockname()[1]))
        told = _told(obedient, order.replace("PARENT", str(os.getpid())))
    assert told.startswith("failed: ")


@pytest.mark.parametrize("attempt", ["fork", "new-session", "share-memory"])
def test_a_process_leaves_nothing_behind(obedient: PoolIntake, attempt: str) -> None:
    if not obedient.protections()["seccomp"]:
        pytest.skip("there is no seccomp here")
    assert _told(obedient, attempt).startswith("failed: ")


def test_a_process_that_gives_up_its_pipe_gets_no_socket_for_it(obedient: PoolIntake) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        reading = obedient.read(f"leak {server.getsockname()[1]}".encode(), ALL)
        assert _reason(reading) is Reason.DECODER_CRASHED
        with pytest.raises(BlockingIOError):
            server.recv(100)


def test_the_environment_of_a_process_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "secret")
    with closing(_pool()) as pool:
        told = _told(pool, "environment")
    assert "LC_ALL" in told
    assert "SECRET" not in told
    assert "PATH" not in told
    assert told.count(",") <= 3


def test_all_protections_of_this_system_are_in_force(pool: PoolIntake) -> None:
    protections = pool.protections()
    assert protections["no files written"]
    assert protections["no descriptors but its pipe"]
    if Path("/proc/self/status").exists():
        assert protections["memory limit"]
        assert protections["no new privileges"]


def test_processes_are_replaced_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashmatch.imaging.pool.intake._REQUESTS_EACH", 2)
    with closing(_pool()) as pool:
        seen = []
        for _ in range(4):
            assert _reason(pool.read(drawn(1), ALL)) is None
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


def test_no_process_outlives_the_pool() -> None:
    pool = _pool(workers=2)
    pool.read(drawn(1), ALL)
    pids = pool.pids()
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_process_outlives_a_pool_that_is_closed_under_a_scan() -> None:
    pool = _pool(timeout_s=2)
    pool.read(drawn(1), ALL)
    scan = threading.Thread(target=pool.read, args=(b"sleep", ALL))
    scan.start()
    while pool.pids():
        time.sleep(0.01)
    pool.close()
    scan.join()
    assert pool.pids() == []


def test_a_process_that_cannot_start_says_why() -> None:
    with closing(_pool(module="no.such.module")) as pool:
        reading = pool.read(drawn(1), ALL)
        assert _reason(reading) is Reason.DECODER_CRASHED
        assert reading.failure is not None
        assert "No module named 'no'" in reading.failure.detail
        with pytest.raises(ProcessFailedError):
            pool.protections()


def test_hashes_keep_their_values_to_themselves(pool: PoolIntake) -> None:
    one = pool.read(drawn(1), {"pdq"}).hashes[0]
    assert isinstance(one, Hash)
    assert one.value.hex() not in repr(one)
