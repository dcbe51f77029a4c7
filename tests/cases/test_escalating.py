"""Cases on their way to a desk: by a signed webhook, or by mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from sqlalchemy import update

from hashmatch.cases import CaseAction, State, case_senders, escalate, view_case
from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.outbox import send_due, sign
from hashmatch.store.engine import Database
from hashmatch.store.outbox import read_outbox
from hashmatch.store.schema import OutboxMessage, utc_now
from tests.cases.making import REVIEWER, act, make_match, settings_with, state_of
from tests.lists.loopback import Answer, Request, Service, serving
from tests.service.serving import free_port


class _Desk(Service):
    def answer(self, request: Request, fault: str) -> Answer:
        return Answer(204)


class _Mailbox:
    """Takes mail, unless it is told to refuse it."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.refusal = ""

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[_Mailbox, int]]:
    box = _Mailbox()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"secret-mail")

    port = free_port()
    controller = Controller(
        box, hostname="127.0.0.1", port=port, authenticator=check, auth_require_tls=False
    )
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


def _mail(own_port: int, **given: Any) -> dict[str, Any]:
    return {
        "to": "email",
        "server": "127.0.0.1",
        "port": own_port,
        "encryption": "none",
        "sender": "hashmatch@platform.example",
        "recipients": ["duty@platform.example", "law@platform.example"],
        "case_url": "https://console.example/cases/{case}",
        "timeout_s": 5,
        **given,
    }


def _escalate(database: Database, settings: Settings, case: int, to: str) -> None:
    with database.writing() as session:
        escalate(session, settings, case, to, REVIEWER, note="look at this")


def _let_time_pass(database: Database) -> None:
    with database.writing() as session:
        waiting = update(OutboxMessage).where(OutboxMessage.next_attempt_at.is_not(None))
        session.execute(waiting.values(next_attempt_at=utc_now() - timedelta(seconds=1)))


def _send(database: Database, settings: Settings) -> dict[str, int]:
    return dict(send_due(database, case_senders(settings, database)).counts)


@pytest.fixture
def confirmed(listed: Database) -> int:
    case = make_match(listed, reference="s3://bucket/1")
    act(listed, case, CaseAction.CONFIRM)
    return case


def test_a_desk_gets_the_case_signed_and_without_hashes(
    listed: Database, settings: Settings, confirmed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK", "secret-desk")
    with serving(_Desk(), "/cases") as desk:
        chosen = settings_with(
            settings,
            escalations={"desk": {"to": "webhook", "url": desk.url, "secret": {"env": "DESK"}}},
            outbox={"private_hosts": ["127.0.0.1"]},
        )
        _escalate(listed, chosen, confirmed, "desk")
        assert state_of(listed, confirmed) is State.ESCALATED
        desk.faults = [500]
        assert _send(listed, chosen) == {"failed": 1}
        _let_time_pass(listed)
        assert _send(listed, chosen) == {"sent": 1}
        assert _send(listed, chosen) == {}
        request = desk.requests[-1]
        told = json.loads(request.body)
        assert (told["type"], told["data"]["case"]) == ("case.escalated", confirmed)
        assert told["data"]["content_id"] == "post/1"
        assert [one["list"] for one in told["data"]["matches"]] == ["one"]
        assert "value" not in request.body.decode()
        headers = request.headers
        expected = sign(
            "secret-desk", headers["webhook-id"], int(headers["webhook-timestamp"]), request.body
        )
        assert headers["webhook-signature"] == expected
        # A case that goes on may be escalated again, and is told again.
        _escalate(listed, chosen, confirmed, "desk")
        assert _send(listed, chosen) == {"sent": 1}
    with listed.reading() as session:
        whats = [one["what"] for one in view_case(session, confirmed)["history"]]
        assert all("post/1" not in str(one.body) for one in read_outbox(session, limit=9))
    assert whats.count("escalation.sent") == 2


def test_mail_names_the_case_and_little_else(
    listed: Database, settings: Settings, confirmed: int, mailbox: tuple[_Mailbox, int]
) -> None:
    box, port = mailbox
    chosen = settings_with(settings, escalations={"duty": _mail(port)})
    _escalate(listed, chosen, confirmed, "duty")
    box.refusal = "451 later"
    assert _send(listed, chosen) == {"failed": 1}
    _let_time_pass(listed)
    box.refusal = ""
    assert _send(listed, chosen) == {"sent": 1}
    (message,) = box.messages
    assert message["to"] == "duty@platform.example, law@platform.example"
    assert message["subject"] == f"hashmatch: case {confirmed} was escalated"
    words = message.get_content()
    assert "https://console.example/cases/1" in words
    assert "of one" in words
    assert "post/1" not in words
    assert "s3://" not in words


@pytest.mark.parametrize(
    "given",
    [
        {"encryption": "starttls"},
        {"encryption": "tls"},
        {"port": 1},
        {"server": "no.such.host.example"},
    ],
)
def test_mail_that_does_not_go_waits(
    listed: Database,
    settings: Settings,
    confirmed: int,
    mailbox: tuple[_Mailbox, int],
    given: dict[str, Any],
) -> None:
    box, port = mailbox
    chosen = settings_with(settings, escalations={"duty": _mail(port, **given)})
    _escalate(listed, chosen, confirmed, "duty")
    assert _send(listed, chosen) == {"failed": 1}
    assert box.messages == []


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "given",
    [
        {"sender": "a@b\r\nBcc: x@y"}, {"recipients": ["nobody"]}, {"recipients": []},
        {"username": "u"}, {"username": "u", "password": {"env": "X"}}, {"port": 0},
    ],
)  # fmt: skip
def test_mail_that_cannot_be_right_is_refused_when_the_settings_are_read(
    settings: Settings, given: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="escalations"):
        settings_with(settings, escalations={"duty": _mail(25, **given)})


@pytest.mark.sqlite
def test_only_what_the_configuration_names_is_escalated_to(
    listed: Database, settings: Settings, confirmed: int
) -> None:
    with pytest.raises(InputError, match="no escalation named 'elsewhere'"):
        _escalate(listed, settings, confirmed, "elsewhere")
    assert state_of(listed, confirmed) is State.CONFIRMED
