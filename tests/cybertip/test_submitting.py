"""Reports to NCMEC: whatever fails, there is exactly one that is finished, and none left behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from lxml import etree
from sqlalchemy import update

from hashmatch.cases import State, retract, settle, store_details, view_case
from hashmatch.config import Settings
from hashmatch.cybertip import submitting
from hashmatch.errors import CaseStateError
from hashmatch.store.engine import Database
from hashmatch.store.outbox import count_unsent, read_outbox, retry_message
from hashmatch.store.schema import NCMECReport
from hashmatch.uploaders import open_sealer, parse_details
from tests.cases.making import ADMINISTRATOR, REVIEWER, state_of
from tests.cybertip.reporting import (
    PICTURE,
    newest_stage,
    pass_time,
    report_and_send,
    report_case,
    send,
)
from tests.cybertip.server import PASSWORD, SCHEMA, CyberTiplineServer

STEPS = ("submit", "upload", "fileinfo", "finish")


pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")


def test_a_report_goes_its_way_once_and_leads_the_case_on(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    with database.writing() as session:
        details = parse_details(
            '{"account": {"id": "u-1", "screen_name": "x", "emails": ["a@b.example"],'
            ' "addresses": [{"ip": "192.0.2.1", "event": "Upload", "at": "2026-01-01T00:00:00Z"}],'
            ' "devices": [{"type": "IDFA", "value": "d"}]},'
            ' "file": {"name": "a.jpg", "url": "https://p.example/1", "viewed_by_platform": false,'
            ' "generated": true, "address": {"ip": "192.0.2.1"}}, "info": "seen \\u0007"}'.replace(
                "\\u0007", ""
            )
        )
        store_details(session, open_sealer(settings), case, details, REVIEWER)
    done = report_case(database, settings, case)
    assert (done.state, server.calls) == (State.ESCALATED, [])
    assert send(database, settings) == {"sent": 1}
    assert send(database, settings) == {}
    assert (server.calls, server.wrong) == ([*STEPS], [])
    (report,) = server.finished()
    assert list(report.files.values()) == [PICTURE]
    document = etree.fromstring(report.document)
    assert document.findtext("personOrUserReported/espIdentifier") == "u-1"
    assert document.findtext("internetDetails/webPageIncident/url") == "https://p.example/1"
    assert "case 1" in str(document.findtext("additionalInfo"))
    assert state_of(database, case) is State.REPORTED
    with database.reading() as session:
        (report_facts,) = view_case(session, case)["reports"]
        (message,) = read_outbox(session, limit=5)
    assert (report_facts["stage"], report_facts["report_id"]) == ("finished", str(report.number))
    assert "u-1" not in str(message.body)
    with pytest.raises(CaseStateError):
        report_case(database, settings, case)


def test_a_report_to_the_test_server_is_no_report(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure(environment="test")
    report_case(database, settings, case)
    send(database, settings)
    assert len(server.finished()) == 1
    assert state_of(database, case) is State.ESCALATED


FAULTS: tuple[str | int, ...] = ("before", "after", 500, "slow", "reset:10")
# To the client they look much like others.
MORE_FAULTS: tuple[str | int, ...] = ("garbled", "empty", 503)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("step", "fault"),
    [
        *product(STEPS, FAULTS),
        *(pytest.param(*one, marks=pytest.mark.long) for one in product(STEPS, MORE_FAULTS)),
    ],
)
def test_a_fault_at_any_step_leaves_exactly_one_finished_report(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    step: str,
    fault: str | int,
) -> None:
    """Some time passes before the next attempt, in which NCMEC may have deleted the report."""
    settings = configure(timeout_s=0.5 if fault == "slow" else 30)
    report_case(database, settings, case)
    server.faults = [*[""] * STEPS.index(step), fault]
    for _ in range(6):
        send(database, settings)
        if not server.faults:
            settings = configure()
        pass_time(database, server, minutes=2)
    _check_one_finished(database, server, case)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8))]
)
def test_any_faults_after_each_other_leave_exactly_one_finished_report(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    seed: int,
) -> None:
    chance = random.Random(seed)
    settings = configure()
    report_case(database, settings, case)
    faults: list[str | int] = ["", "", "before", "after", "empty", 500]
    server.faults = [chance.choice(faults) for _ in range(14)]
    for _ in range(11):
        send(database, settings)
        pass_time(database, server, minutes=chance.choice([1, 1, 10, 70]))
        if newest_stage(database) == "unknown":
            _settle_as_ncmec_says(database, settings, server, case)
    server.faults = []
    for _ in range(4):
        send(database, settings)
        pass_time(database, server, minutes=2)
        if newest_stage(database) == "unknown":
            _settle_as_ncmec_says(database, settings, server, case)
    _check_one_finished(database, server, case)


def _settle_as_ncmec_says(
    database: Database, settings: Settings, server: CyberTiplineServer, case: int
) -> None:
    with database.writing() as session:
        settle(session, Settings(), case, ADMINISTRATOR, is_finished=bool(server.finished()))
    if not server.finished():
        report_case(database, settings, case)


def _check_one_finished(database: Database, server: CyberTiplineServer, case: int) -> None:
    assert len(server.finished()) == 1
    assert list(server.finished()[0].files.values()) == [PICTURE]
    assert server.wrong == []
    server.offset += timedelta(hours=25)
    assert server.still_open() == []
    assert (newest_stage(database), state_of(database, case)) == ("finished", State.REPORTED)
    with database.reading() as session:
        assert count_unsent(session)["dead"] == 0


def test_a_report_that_expired_is_restarted(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_and_send(database, settings, server, case, "", "", 500)
    assert newest_stage(database) == "uploaded"
    pass_time(database, server, hours=25)
    send(database, settings)
    _check_one_finished(database, server, case)
    assert len(server.reports) == 2


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_finish_without_an_answer_is_asked_for_again_however_late(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    fault: str,
) -> None:
    settings = configure()
    report_and_send(database, settings, server, case, "", "", "", fault)
    assert newest_stage(database) == "finishing"
    for _ in range(2):
        pass_time(database, server, hours=25)
        send(database, settings)
    _check_one_finished(database, server, case)


def test_a_report_that_is_gone_before_its_time_is_of_unknown_status(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_and_send(database, settings, server, case, "", "", "", "before")
    server.reports.clear()
    pass_time(database, server, minutes=12)
    assert send(database, settings) == {"dead": 1}
    assert (newest_stage(database), state_of(database, case)) == ("unknown", State.CONFIRMED)
    with database.reading() as session:
        facts = view_case(session, case)
    (message,) = facts["messages"]
    assert (message["state"], "unknown status" in message["problem"]) == ("dead", True)
    assert facts["history"][-1]["what"] == "case.undelivered"
    with database.writing() as session:
        settle(session, Settings(), case, ADMINISTRATOR, is_finished=True)
    assert state_of(database, case) is State.REPORTED


def test_a_sender_that_was_overtaken_stops(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_case(database, settings, case)
    overtaken = iter([True])

    def overtake(name: str) -> None:
        if name == "upload" and next(overtaken, False):
            with database.writing() as session:
                session.execute(update(NCMECReport).values(turn=NCMECReport.turn + 1))

    server.on_call = overtake
    assert send(database, settings) == {"failed": 1}
    assert newest_stage(database) == "uploading"
    pass_time(database, server, minutes=2)
    assert send(database, settings) == {"sent": 1}
    _check_one_finished(database, server, case)


def test_a_refusal_that_will_stay_is_shown_and_leaves_nothing(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = configure()
    report_case(database, settings, case)
    with monkeypatch.context() as patch:
        patch.setattr(submitting, "report_document", lambda *_, **__: b"<report/>")
        assert send(database, settings) == {"dead": 1}
    with database.reading() as session:
        (message,) = read_outbox(session, limit=1)
    assert "code 4100" in message.problem
    assert server.reports == {}
    assert state_of(database, case) is State.CONFIRMED
    with pytest.raises(CaseStateError, match="under way"):
        report_case(database, settings, case)
    with database.writing() as session:
        retry_message(session, message.key)
    assert send(database, settings) == {"sent": 1}
    assert state_of(database, case) is State.REPORTED


def test_a_wrong_password_is_tried_again_later(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = configure()
    monkeypatch.setenv("NCMEC_PASSWORD", "secret-wrong")
    report_case(database, settings, case)
    assert send(database, settings) == {"failed": 1}
    monkeypatch.setenv("NCMEC_PASSWORD", PASSWORD)
    pass_time(database, server, minutes=2)
    assert send(database, settings) == {"sent": 1}


def test_a_report_that_is_not_finished_is_taken_back(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_and_send(database, settings, server, case, "", "", 500)
    with pytest.raises(CaseStateError, match="under way"):
        report_case(database, settings, case)
    retract(database, settings, case, ADMINISTRATOR)
    assert [one.state for one in server.reports.values()] == ["retracted"]
    pass_time(database, server, minutes=2)
    send(database, settings)
    assert server.finished() == []
    report_case(database, settings, case)
    send(database, settings)
    assert len(server.finished()) == 1
    with pytest.raises(CaseStateError, match="no such report"):
        retract(database, settings, case, ADMINISTRATOR)


def test_a_report_that_is_stuck_is_settled_beside_newer_ones(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_and_send(database, settings, server, case, "", "", "", "after")
    pass_time(database, server, minutes=12)
    test_server = configure(environment="test", base="https://exttest.example")
    report_case(database, test_server, case)
    with database.writing() as session:
        settle(session, Settings(), case, ADMINISTRATOR, is_finished=True)
    assert state_of(database, case) is State.REPORTED
    with database.reading() as session:
        stages = [one["stage"] for one in view_case(session, case)["reports"]]
    assert stages == ["finished", "queued"]


def test_details_without_their_key_stop_a_report_that_would_lack_them(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    with database.writing() as session:
        details = parse_details('{"account": {"id": "u-1"}}')
        store_details(session, open_sealer(settings), case, details, REVIEWER)
    report_case(database, settings, case)
    without = settings.model_copy(
        update={"cases": settings.cases.model_copy(update={"detail_keys": ()})}
    )
    assert send(database, without) == {"failed": 1}
    assert server.calls == []
