"""Escalation of cases: by a signed webhook, or by mail."""

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

from hashmatch.audit import verify
from hashmatch.cases import (
    ActionDone,
    CaseAction,
    State,
    case_senders,
    escalate,
    settle,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError, InputError
from hashmatch.outbox import send_due, sign
from hashmatch.store.engine import Database, audit, read_audit_records
from hashmatch.store.outbox import read_outbox, retry_message
from hashmatch.store.schema import NCMECReport, OutboxMessage, utc_now
from tests.cases.making import (
    ADMINISTRATOR,
    REVIEWER,
    act,
    make_match,
    row_of,
    settings_with,
    state_of,
)
from tests.lists.loopback import Answer, Request, Service, serving
from tests.service.serving import free_port


class _Desk(Service):
    def answer(self, request: Request, fault: str) -> Answer:
        return Answer(204)


class _Mailbox:
    """Takes mail, unless `refusal` is set."""

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


def _with_desk(settings: Settings, desk: Service) -> Settings:
    """Return settings with an escalation by webhook to a server of the test."""
    return settings_with(
        settings,
        escalations={"desk": {"to": "webhook", "url": desk.url, "secret": {"env": "DESK"}}},
        outbox={"private_hosts": ["127.0.0.1"]},
    )


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
        chosen = _with_desk(settings, desk)
        _escalate(listed, chosen, confirmed, "desk")
        assert state_of(listed, confirmed) is State.ESCALATED
        desk.faults = [500]
        assert _send(listed, chosen) == {"failed": 1}
        _let_time_pass(listed)
        assert _send(listed, chosen) == {"sent": 1}
        assert _send(listed, chosen) == {}
        request = desk.requests[-1]
        body = json.loads(request.body)
        assert (body["type"], body["data"]["case"]) == ("case.escalated", confirmed)
        assert body["data"]["content_id"] == "post/1"
        assert [one["list"] for one in body["data"]["matches"]] == ["one"]
        assert "value" not in request.body.decode()
        headers = request.headers
        expected = sign(
            "secret-desk", headers["webhook-id"], int(headers["webhook-timestamp"]), request.body
        )
        assert headers["webhook-signature"] == expected
        # A case that goes on may be escalated again, and its target is notified again.
        _escalate(listed, chosen, confirmed, "desk")
        assert _send(listed, chosen) == {"sent": 1}
    with listed.reading() as session:
        whats = [one["what"] for one in view_case(session, confirmed)["history"]]
        assert all("post/1" not in str(one.body) for one in read_outbox(session, limit=9))
    assert whats.count("escalation.sent") == 2


@pytest.mark.sqlite
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


@pytest.mark.sqlite
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
def test_a_case_that_reached_nobody_is_given_back_and_goes_on_once_it_arrives(
    listed: Database, settings: Settings, confirmed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK", "secret-desk")
    with serving(_Desk(), "/cases") as desk:
        chosen = _with_desk(settings, desk)
        _escalate(listed, chosen, confirmed, "desk")
        with listed.writing() as session:
            session.execute(update(OutboxMessage).values(attempts=11))
        desk.faults = [500]
        assert _send(listed, chosen) == {"dead": 1}
        assert state_of(listed, confirmed) is State.CONFIRMED
        with listed.writing() as session:
            facts = view_case(session, confirmed)
            (message,) = facts["messages"]
            assert (message["state"], "status 500" in message["problem"]) == ("dead", True)
            assert "outbox retry" in facts["history"][-1]["next"]
            retry_message(session, message["message"])
        assert _send(listed, chosen) == {"sent": 1}
    assert state_of(listed, confirmed) is State.ESCALATED
    with listed.reading() as session:
        assert view_case(session, confirmed)["messages"] == []


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


def _report_of_unknown_status(database: Database, case: int) -> None:
    """Queue a report to NCMEC of which nobody knows whether it was finished."""
    with database.writing() as session:
        report = NCMECReport(
            case_key=case,
            target="ncmec",
            base="https://ncmec.example",
            is_test=False,
            stage="unknown",
            report_id="4711",
        )
        session.add(report)
        session.flush()
        audit(session, "report.unknown", report, {})


@pytest.mark.parametrize(
    ("is_finished", "after", "actions"),
    [
        (
            True,
            State.REPORTED,
            ["report.settled", "case.settle", "case.reference", "case.retention", "case.reported"],
        ),
        (False, State.CONFIRMED, ["report.settled", "case.settle"]),
    ],
)
def test_a_settled_report_is_on_record_and_a_new_revision(
    listed: Database, confirmed: int, is_finished: bool, after: State, actions: list[str]
) -> None:
    _report_of_unknown_status(listed, confirmed)
    before = row_of(listed, confirmed).revision
    with listed.writing() as session, pytest.raises(ForbiddenError, match="settle"):
        settle(session, Settings(), confirmed, REVIEWER, is_finished=is_finished)
    with listed.writing() as session:
        done = settle(session, Settings(), confirmed, ADMINISTRATOR, is_finished=is_finished)
    assert done == ActionDone(confirmed, after)
    row = row_of(listed, confirmed)
    assert (row.state, row.revision) == (after, before + (2 if is_finished else 1))
    with listed.reading() as session:
        records = list(read_audit_records(session))[-len(actions) :]
        settled = next(one for one in view_case(session, confirmed)["history"] if "finished" in one)
        assert verify(session, {}).problems == []
    assert [one["action"] for one in records] == actions
    assert (settled["what"], settled["actor"], settled["finished"]) == (
        "case.settle", "carol", is_finished,
    )  # fmt: skip
    with listed.writing() as session, pytest.raises(CaseStateError, match="no such report"):
        settle(session, Settings(), confirmed, ADMINISTRATOR, is_finished=is_finished)
