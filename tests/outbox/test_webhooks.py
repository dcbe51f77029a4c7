"""Webhooks: every match is notified at least once, signed, and only to the webhooks it is for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from hashmatch.config import Settings
from hashmatch.errors import ConfigError, OutboxError, StoreError
from hashmatch.outbound import find_address
from hashmatch.outbox import Sender, send_due, sign, webhook_senders
from hashmatch.store.engine import Database
from hashmatch.store.outbox import (
    Message,
    count_unsent,
    drop_message,
    note_sent,
    queue_message,
    read_outbox,
    retry_message,
)
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.outbox import OutboxMessage
from hashmatch.wiring import open_scanner_with
from tests.command_line import CommandLine
from tests.lists.loopback import Answer, Request, Service, serving
from tests.pictures import drawn, hashes_of, list_of
from tests.store.importing import import_text

SECRET = "secret-of-the-webhook"


class _Receiver(Service):
    """Takes messages; a fault that is a number is answered with that status."""

    def answer(self, request: Request, fault: str) -> Answer:
        return Answer(204)


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    with serving(_Receiver(), "/hook") as started:
        yield started


@pytest.fixture
def configure(
    settings: Settings, receiver: _Receiver, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Settings]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    def make(*, allowed: tuple[str, ...] = ("127.0.0.1",), **webhook: Any) -> Settings:
        hook = {"url": receiver.url, "secret": {"env": "HOOK_SECRET"}, "timeout_s": 30, **webhook}
        return Settings.model_validate(
            {
                "data_dir": settings.data_dir,
                "database": {"url": settings.database_url},
                "intake": {"isolation": "none"},
                "webhooks": {"desk": hook},
                "outbox": {"private_hosts": allowed},
            }
        )

    return make


def _scan(settings: Settings, database: Database, *seeds: int, content_id: str = "post/1") -> None:
    with open_scanner_with(settings) as scanner:
        for seed in seeds:
            scanner.scan(drawn(seed), content_id=content_id, reference="s3://bucket/1")


def _send(settings: Settings, database: Database) -> dict[str, int]:
    return dict(send_due(database, webhook_senders(settings)).counts)


def _let_time_pass(database: Database) -> None:
    with database.writing() as session:
        waiting = OutboxMessage.next_attempt_at.is_not(None)
        past = utc_now() - timedelta(seconds=1)
        session.execute(update(OutboxMessage).where(waiting).values(next_attempt_at=past))


def test_a_match_is_notified_once_signed_and_without_its_hash(
    database: Database, configure: Callable[..., Settings], receiver: _Receiver
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure()
    _scan(settings, database, 1, 1, 9)
    assert _send(settings, database) == {"sent": 1}
    assert _send(settings, database) == {}
    (request,) = receiver.requests
    body = json.loads(request.body)
    assert body["type"] == "match.recorded"
    assert body["data"]["content_id"] == "post/1"
    assert body["data"]["reference"] == "s3://bucket/1"
    assert body["data"]["action"] == "block"
    assert body["data"]["match"]["entry_id"] == "e1"
    assert hashes_of(1, "pdq")["pdq"].value.hex() not in request.body.decode()
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert abs(int(headers["webhook-timestamp"]) - utc_now().timestamp()) < 60


def test_a_match_that_cannot_be_queued_is_neither_recorded_nor_notified(
    database: Database, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashmatch.outcome import Reason
    from tests.scanning import recorded, unscreened

    def fail(*_: object) -> set[str]:
        raise StoreError("the disk is full")

    import_text(database, "one", list_of(1))
    monkeypatch.setattr("hashmatch.outbox.webhooks.queue_messages", fail)
    with open_scanner_with(configure()) as scanner:
        outcome = unscreened(scanner.scan(drawn(1), content_id="post/1"))
    assert outcome.reason is Reason.STORE_UNAVAILABLE
    assert recorded(database) == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (500, "status 500"),
        (404, "status 404"),
        ("slow", "no complete answer within 1 s"),
        ("dripping", "no complete answer within 1 s"),
        ("http://127.0.0.1:1/elsewhere", "redirect"),
    ],
)
def test_what_did_not_arrive_is_sent_again_after_a_restart(
    database: Database,
    configure: Callable[..., Settings],
    receiver: _Receiver,
    fault: str | int,
    words: str,
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure()
    _scan(settings, database, 1)
    receiver.faults = [fault]
    hurried = configure(timeout_s=1) if "within" in words else settings
    assert _send(hurried, database) == {"failed": 1}
    with database.reading() as session:
        (message,) = read_outbox(session, limit=9)
    assert words in message.problem
    assert message.state == "waiting"
    assert _send(settings, database) == {}  # Not at once.
    _let_time_pass(database)
    assert _send(settings, database) == {"sent": 1}
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_what_never_arrives_dies_visibly_and_can_be_revived(
    database: Database, configure: Callable[..., Settings], receiver: _Receiver
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure()
    _scan(settings, database, 1)
    receiver.faults = [500] * 12
    for outcome in [*["failed"] * 11, "dead"]:
        _let_time_pass(database)
        assert _send(settings, database) == {outcome: 1}
    with database.reading() as session:
        assert count_unsent(session) == {"waiting": 0, "dead": 1}
        (message,) = read_outbox(session, limit=9)
    with database.writing() as session:
        retry_message(session, message.key)
    assert _send(settings, database) == {"sent": 1}


def test_who_cannot_sign_takes_no_message_and_none_of_its_attempts(
    database: Database,
    configure: Callable[..., Settings],
    receiver: _Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure()
    _scan(settings, database, 1)
    for secret in ("", "whsec_"):
        monkeypatch.setenv("HOOK_SECRET", secret)
        sent = send_due(database, webhook_senders(settings))
        assert (dict(sent.counts), list(sent.blocked)) == ({}, ["desk"])
    without = settings.model_copy(update={"webhooks": {}})
    assert list(send_due(database, webhook_senders(without)).blocked) == ["desk"]
    with database.reading() as session:
        assert [one.attempts for one in read_outbox(session, limit=9)] == [0]
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    assert _send(settings, database) == {"sent": 1}


def test_a_match_that_is_found_again_uses_up_no_key(
    database: Database, configure: Callable[..., Settings]
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure()
    for _ in range(5):
        _scan(settings, database, 1)
    _scan(settings, database, 1, content_id="post/2")
    with database.reading() as session:
        assert [one.key for one in read_outbox(session, limit=9)] == [2, 1]


def test_a_dropped_message_is_not_sent(
    database: Database, configure: Callable[..., Settings], receiver: _Receiver
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure()
    _scan(settings, database, 1)
    with database.writing() as session:
        drop_message(session, 1)
    assert _send(settings, database) == {}
    assert receiver.requests == []


def test_a_message_that_is_dropped_or_taken_over_while_it_is_sent_does_no_harm(
    settings: Settings, database: Database
) -> None:
    """Both are sent at the same time, and wait for each other to write."""
    patient = Database(settings.database_url, busy_timeout_s=60)

    def drop(message: Message) -> None:
        with patient.writing() as session:
            drop_message(session, message.key)

    def take_over(message: Message) -> None:
        with patient.writing() as session:
            note_sent(session, message.key)
        raise OutboxError("too late")

    with database.writing() as session:
        for number in range(2):
            queue_message(session, f"kind-{number}", "desk", f"m/{number}", {})
    senders = {
        "kind-0": Sender(drop, lambda _: None),
        "kind-1": Sender(take_over, lambda _: None),
    }
    with closing(patient):
        send_due(patient, senders)
    with database.reading() as session:
        assert [one.state for one in read_outbox(session, limit=9)] == ["sent"]


def test_only_matches_of_the_lists_of_a_webhook_are_notified(
    database: Database, configure: Callable[..., Settings], receiver: _Receiver
) -> None:
    import_text(database, "one", list_of(1))
    import_text(database, "two", list_of(2))
    settings = configure(lists=["two"])
    _scan(settings, database, 1, 2)
    assert _send(settings, database) == {"sent": 1}
    assert json.loads(receiver.requests[0].body)["data"]["match"]["list"] == "two"


def test_a_private_address_is_refused_unless_it_is_allowed_by_name(
    database: Database, configure: Callable[..., Settings], receiver: _Receiver
) -> None:
    import_text(database, "one", list_of(1))
    settings = configure(allowed=())
    _scan(settings, database, 1)
    assert _send(settings, database) == {"failed": 1}
    assert receiver.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[fe80::1]", "[fd00::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[2002:7f00:1::]", "[2001::1]", "localhost",
        "2130706433", "0x7f.1", "127.1", "[64:ff9b::a9fe:a9fe]", "[::127.0.0.1]", "192.0.0.8",
        "[::ffff:0:127.0.0.1]", "[fec0::1]", "a..b", "x" * 64 + ".example",
    ],
)  # fmt: skip
def test_no_spelling_of_a_private_address_passes(host: str) -> None:
    with pytest.raises(OutboxError):
        find_address(httpx.URL(f"https://{host}/"), ())


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(*addresses: str) -> Callable[..., list[tuple[Any, ...]]]:
        return lambda *_, **__: [(0, 0, 0, "", (one, 443)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer("93.184.216.34", "10.0.0.1"))
    with pytest.raises(OutboxError, match="not public"):
        find_address(httpx.URL("https://rebinding.example/"), ())
    monkeypatch.setattr(socket, "getaddrinfo", answer("93.184.216.34"))
    assert find_address(httpx.URL("https://good.example/"), ()) == "93.184.216.34"
    with pytest.raises(OutboxError, match="https is required"):
        find_address(httpx.URL("http://good.example/"), ())


def test_a_secret_may_be_written_as_the_standard_has_it() -> None:
    key = b"0123456789abcdef0123456789abcdef"
    encoded = f"whsec_{base64.b64encode(key).decode()}"
    body = b'{"a": 1}'
    expected = hmac.new(key, b"msg_1.1700000000." + body, hashlib.sha256).digest()
    assert (
        sign(encoded, "msg_1", 1_700_000_000, body) == f"v1,{base64.b64encode(expected).decode()}"
    )
    with pytest.raises(ConfigError):
        sign("whsec_!", "msg_1", 1, body)


def test_the_outbox_is_sent_by_the_command(
    command_line: CommandLine, receiver: _Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    config = Path(command_line.folder / "hashmatch.toml")
    config.write_text(
        config.read_text()
        + f'\n[webhooks.desk]\nurl = "{receiver.url}"\nsecret = {{ env = "HOOK_SECRET" }}\n'
        '[outbox]\nprivate_hosts = ["127.0.0.1"]\n'
    )
    command_line.import_pictures("one", 1)
    command_line.write("a.jpg", drawn(1))
    assert command_line.run("scan", "a.jpg").exit_code == 1
    (row,) = command_line.json("outbox", "list")
    assert (row["kind"], row["to"], row["event"]) == ("webhook", "desk", "match.recorded")
    sent = command_line.run("outbox", "send")
    assert sent.exit_code == 0
    assert "outbox: 1 sent" in sent.stderr
    assert "outbox: 0 wait for their time, 0 were given up" in sent.stderr
    assert [row["state"] for row in command_line.json("outbox", "list")] == ["sent"]
