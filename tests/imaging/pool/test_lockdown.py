"""A decoding process that was taken over gets nowhere: no file, no socket, nothing left behind."""

from __future__ import annotations

import os
import re
import socket
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.imaging import PoolIntake
from hashmatch.outcome import Reason
from tests.imaging.pool.pools import ALL, EXACT, claimed_by, make_pool, reason_of
from tests.pictures import drawn


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
        claim = claimed_by(obedient, order.replace("PARENT", str(os.getpid())))
    assert claim.startswith("failed: ")


@pytest.mark.parametrize("attempt", ["fork", "new-session", "share-memory"])
def test_a_process_leaves_nothing_behind(obedient: PoolIntake, attempt: str) -> None:
    if not obedient.protections()["seccomp"]:
        pytest.skip("there is no seccomp here")
    assert claimed_by(obedient, attempt).startswith("failed: ")


def test_a_process_that_gives_up_its_pipe_gets_no_socket_for_it(obedient: PoolIntake) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        reading = obedient.read(f"leak {server.getsockname()[1]}".encode(), EXACT)
        assert reason_of(reading) is Reason.DECODER_CRASHED
        with pytest.raises(BlockingIOError):
            server.recv(100)


def test_the_environment_of_a_process_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "secret")
    with closing(make_pool()) as pool:
        claim = claimed_by(pool, "environment")
    assert "LC_ALL" in claim
    assert "SECRET" not in claim
    assert "PATH" not in claim
    assert claim.count(",") <= 3


def test_all_protections_of_this_system_are_in_force(pool: PoolIntake) -> None:
    protections = pool.protections()
    assert protections["no files written"]
    assert protections["no descriptors but its pipe"]
    if Path("/proc/self/status").exists():
        assert protections["memory limit"]
        assert protections["no new privileges"]


def test_what_the_kernel_says_of_a_process(pool: PoolIntake) -> None:
    assert reason_of(pool.read(drawn(1), ALL)) is None
    folder = Path("/proc") / str(pool.pids()[-1])
    if not folder.exists():
        pytest.skip("there is no /proc here")
    status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
    assert (status["CapEff"], status["CapPrm"]) == ("0" * 16, "0" * 16)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if pool.protections()["seccomp"] else "0")
    limits = (folder / "limits").read_text()
    for name, most in (("core file size", "0"), ("file size", "0"), ("open files", "0")):
        assert re.search(rf"Max {name} +{most} +{most} ", limits), name
    assert not re.search(r"Max address space +unlimited", limits)
    assert [one.name for one in (folder / "fd").iterdir()] == ["0"]


def test_a_process_cannot_be_debugged(obedient: PoolIntake) -> None:
    if obedient.protections()["no debuggers"]:
        assert claimed_by(obedient, "may-be-debugged") == "succeeded: 0"
