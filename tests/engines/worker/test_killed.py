"""Uploads whose broker and workers are killed: nothing is lost, and nothing doubled."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.imagery import holds_a_piece, pieces_of
from tests.programs import require_program
from tests.tracing import require_unwritten, traced, traces_of

from .brokers import Server
from .platform import LISTED, Platform, Uploads

_UPLOADS, _DAMAGED = 120, 6
_KILLS = 10
_PATIENCE_S = 240.0

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


# Kafka's is in the memory of its process, and does not outlive it.
_lasting = pytest.mark.parametrize("server", ["nats", "redis", "rabbitmq"], indirect=True)


@pytest.fixture(autouse=True)
def _damaged(uploads: Uploads) -> None:
    for number in range(_DAMAGED):
        uploads.others[f"damaged-{number}"] = b"\xff\xd8\xff" + bytes([number])


@_lasting
def test_the_record_is_that_of_uploads_that_nobody_disturbed(
    tmp_path: Path, server: Server, uploads: Uploads
) -> None:
    platform = Platform(tmp_path / "here", server, uploads, "lease_s = 5\ndeliveries = 100\n")
    names = [*map(str, range(_UPLOADS)), *uploads.others]
    order = random.Random(7)
    sent = [uploads.event(one) for one in names] * 2 + [b"poison", b'{"content_id": "no"}']
    order.shuffle(sent)
    sent.insert(0, b"poison")
    killed = _killed_while_they_work(platform, sent, order)
    assert killed == _KILLS
    with platform.working():
        platform.await_verdicts(names, _PATIENCE_S)
        platform.await_done(_PATIENCE_S)
        dead = set(server.read("hashmatch.dead-letters"))
        verdicts = platform.verdicts()
    assert dead == {b"poison", b'{"content_id": "no"}'}
    assert {(one["content_id"], one["outcome"]) for one in verdicts} == {
        *((name, "matched") for name in names[:LISTED]),
        *((name, "clear") for name in names[LISTED:_UPLOADS]),
        *((name, "unscreened") for name in uploads.others),
    }
    record = platform.record()
    assert record["matches"].keys() == set(names[:LISTED])
    assert len(set(record["matches"].values())) == 1
    assert record["cases"] == LISTED
    counts = record["counts"]
    assert counts.pop(("clear", "")) == _UPLOADS - LISTED
    assert sum(number for (one, _), number in counts.items() if one == "unscreened") == _DAMAGED


def _killed_while_they_work(platform: Platform, sent: list[bytes], order: random.Random) -> int:
    """Send messages while workers and the broker are killed; return how often that was done."""
    server, killed = platform.server, 0
    sender = threading.Thread(target=_send, args=(server, sent))
    with ExitStack() as running:
        workers = [running.enter_context(platform.working()) for _ in range(2)]
        sender.start()
        # A queue of RabbitMQ that is killed while it is made may not come back.
        until = time.monotonic() + _PATIENCE_S
        while not (platform.verdicts() and server.read("hashmatch.dead-letters")):
            assert time.monotonic() < until, platform.log[-3_000:]
            time.sleep(0.5)
        for number in range(_KILLS):
            time.sleep(order.uniform(1.5, 4))
            if number % 2:
                server.kill()
                server.start()
            else:
                place = order.randrange(2)
                with suppress(psutil.NoSuchProcess):
                    workers[place].kill()
                workers[place] = running.enter_context(platform.working())
            killed += 1
        sender.join(_PATIENCE_S)
        assert not sender.is_alive()
    return killed


def _send(server: Server, sent: list[bytes]) -> None:
    """Send messages as a platform does: again, where the broker was away."""
    for start in range(0, len(sent), 20):
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                server.send("hashmatch.uploads", sent[start : start + 20])
                break
            except Exception:  # noqa: BLE001 (each client raises errors of its own)
                assert time.monotonic() < until
                time.sleep(0.5)
        time.sleep(0.5)


@_lasting
def test_no_byte_of_an_image_is_written_by_the_worker_or_the_broker(
    tmp_path: Path, server: Server, uploads: Uploads
) -> None:
    require_program("strace")
    platform = Platform(tmp_path / "here", server, uploads)
    names = [*map(str, range(8)), *uploads.others]
    server.send("hashmatch.uploads", [uploads.event(one) for one in names])
    with platform.working(*traced(platform.line, *platform.arguments)):
        platform.await_verdicts(names, _PATIENCE_S)
        platform.await_done(_PATIENCE_S)
    files = {one: uploads.data(one) or b"" for one in map(str, range(8))}
    require_unwritten(traces_of(platform.line), files)
    pieces = pieces_of(files.values())
    kept = [one for one in server.folder.rglob("*") if one.is_file()]
    assert kept
    assert [one for one in kept if holds_a_piece(one.read_bytes(), pieces)] == []
