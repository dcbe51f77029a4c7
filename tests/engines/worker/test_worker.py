"""Uploads that brokers announce: each gets a verdict, and is on record once."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .brokers import BROKERS, Kafka, Nats, Rabbit, Server, serving
from .platform import LISTED, Platform, Uploads

_GOOD = 12

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("server", BROKERS, indirect=True)
def test_each_upload_has_a_verdict_and_is_on_record_once_however_often_it_is_announced(
    tmp_path: Path, server: Server, uploads: Uploads
) -> None:
    platform = Platform(tmp_path / "here", server, uploads)
    uploads.others = {"damaged": b"\xff\xd8\xff and nothing more"}
    names = [*map(str, range(_GOOD)), "damaged"]
    forbidden = [
        json.dumps({"content_id": f"no-{number}", "address": address}).encode()
        for number, address in enumerate(
            ("https://elsewhere.test/1", "s3://bucket/1", "file:///etc/passwd", "/etc/passwd")
        )
    ]
    poison = [b"", b"\xff\xfe", b"[]", b'{"content_id": "x"}', b'{"a": 1, "a": 2}', b"{" * 100_000]
    events = [uploads.event(one) for one in names]
    sent = [*events, *forbidden, *poison, *events]
    server.send("hashmatch.uploads", sent[:8])
    with platform.working():
        platform.await_verdicts(names[:8])
        server.send("hashmatch.uploads", sent[8:])
        platform.await_verdicts([*names, *(f"no-{number}" for number in range(4))])
        platform.await_done()
        dead = server.read("hashmatch.dead-letters")
        verdicts = platform.verdicts()
    outcomes = {one["verdict_id"]: (one["content_id"], one["outcome"]) for one in verdicts}
    assert sorted(outcomes.values()) == sorted(
        [
            *((name, "matched") for name in names[:LISTED]),
            *((name, "clear") for name in names[LISTED:-1]),
            ("damaged", "unscreened"),
            *((f"no-{number}", "unscreened") for number in range(4)),
        ]
    )
    assert set(dead) == {*poison, *forbidden}
    record = platform.record()
    assert set(record["matches"]) == set(names[:LISTED])
    assert record["cases"] == LISTED
    assert record["counts"]["clear", ""] == _GOOD - LISTED
    assert record["counts"]["unscreened", "unreadable"] == len(forbidden)
    text = json.dumps(verdicts)
    assert "value" not in text
    assert "hashes" in text


def test_a_message_whose_upload_takes_long_is_not_delivered_again_meanwhile(
    tmp_path: Path, uploads: Uploads
) -> None:
    for name in ("nats", "redis"):
        folder = tmp_path / name
        folder.mkdir()
        with serving(name, folder) as server:
            uploads.asked.clear()
            uploads.pause_s = 5.0
            platform = Platform(folder / "here", server, uploads, "lease_s = 1\n")
            with platform.working():
                server.send("hashmatch.uploads", [uploads.event("0"), uploads.event("7")])
                platform.await_verdicts(["0", "7"])
                platform.await_done()
            assert uploads.asked == {"0": 1, "7": 1}, name


def test_a_message_that_is_never_settled_is_a_dead_letter_in_the_end(
    tmp_path: Path, uploads: Uploads
) -> None:
    """As one that takes its worker with it, each time."""
    (tmp_path / "nats").mkdir()
    with serving("nats", tmp_path / "nats") as server:
        uploads.pause_s = 30.0
        # Not a second: a busy machine may be late to ask for more.
        platform = Platform(tmp_path / "here", server, uploads, "lease_s = 6\ndeliveries = 2\n")
        message = uploads.event("9")
        server.send("hashmatch.uploads", [message])
        for attempt in (1, 2):
            with platform.working() as worker:
                until = time.monotonic() + 60
                while uploads.asked["9"] < attempt:
                    assert time.monotonic() < until, platform.log
                    time.sleep(0.1)
                worker.kill()
        with platform.working():
            platform.await_verdicts(["9"])
            assert server.read("hashmatch.dead-letters") == [message]
        verdicts = platform.verdicts()
        outcomes = {(one["outcome"], one["reason"]) for one in verdicts}
        assert outcomes == {("unscreened", "internal_error")}, verdicts


def test_an_upload_whose_verdict_no_queue_takes_is_not_acknowledged(
    tmp_path: Path, uploads: Uploads
) -> None:
    (tmp_path / "rabbitmq").mkdir()
    with serving("rabbitmq", tmp_path / "rabbitmq") as server:
        assert isinstance(server, Rabbit)
        platform = Platform(tmp_path / "here", server, uploads)
        with platform.working():
            server.send("hashmatch.uploads", [uploads.event("7")])
            platform.await_verdicts(["7"])
            platform.await_done()
            server.delete("hashmatch.verdicts")
            server.send("hashmatch.uploads", [uploads.event("8")])
            until = time.monotonic() + 60
            while "a message is not settled" not in platform.log:
                assert time.monotonic() < until
                time.sleep(0.2)
            server.send("hashmatch.verdicts", [])  # Makes the queue again.
            platform.await_verdicts(["8"])


def test_headers_that_are_no_texts_drop_no_upload(tmp_path: Path, uploads: Uploads) -> None:
    (tmp_path / "kafka").mkdir()
    with serving("kafka", tmp_path / "kafka") as server:
        assert isinstance(server, Kafka)
        platform = Platform(tmp_path / "here", server, uploads)
        server.send("hashmatch.uploads", [uploads.event("7")], [("id", b"\xff\x00"), ("no", None)])
        server.send("hashmatch.uploads", [uploads.event("8")])
        with platform.working():
            platform.await_verdicts(["7", "8"])


def test_a_consumer_that_is_there_gets_the_lease_of_the_settings(
    tmp_path: Path, uploads: Uploads
) -> None:
    (tmp_path / "nats").mkdir()
    with serving("nats", tmp_path / "nats") as server:
        assert isinstance(server, Nats)
        for lease_s in (20, 70):
            platform = Platform(tmp_path / f"{lease_s}", server, uploads, f"lease_s = {lease_s}\n")
            with platform.working():
                server.send("hashmatch.uploads", [uploads.event(f"{lease_s}")])
                platform.await_verdicts([f"{lease_s}"])
            assert server.lease_s() == lease_s


def test_a_broker_that_does_not_answer_and_one_that_is_not_named_are_errors(
    tmp_path: Path, uploads: Uploads
) -> None:
    for name, kind in BROKERS.items():
        folder = tmp_path / name
        folder.mkdir()
        server = kind(folder)
        (folder / "address").write_text(f"127.0.0.1:{server.port}")
        platform = Platform(folder / "here", server, uploads, 'user = "who"\n')
        with platform.working() as worker:
            assert worker.wait(60) == 2
        assert f"{server.url}: the broker fails" in platform.log
        assert "who" not in platform.log
    config = platform.line.folder / "hashmatch.toml"
    config.write_text(config.read_text().replace(f'broker = "{server.url}"', ""))
    result = platform.line.run("--config", config, "worker")
    assert result.exit_code == 2
    assert "worker.broker names no broker" in result.output
