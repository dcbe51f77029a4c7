"""Reports to NCMEC: whatever fails, there is exactly one that is finished, and none left behind."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import update

from hashmatch.cases import (
    CaseAction,
    State,
    case_senders,
    escalate,
    retract,
    settle,
    store_details,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.cybertip import submitting
from hashmatch.errors import CaseStateError
from hashmatch.outbox import send_due
from hashmatch.store.engine import Database
from hashmatch.store.outbox import read_outbox
from hashmatch.store.schema import NCMECReport, OutboxMessage, utc_now
from hashmatch.uploaders import make_detail_key, open_sealer, parse_details
from tests.cases.making import (
    ADMINISTRATOR,
    OTHER,
    REVIEWER,
    act,
    make_match,
    settings_with,
    state_of,
)
from tests.cybertip.server import PASSWORD, SCHEMA, USER, CyberTiplineServer
from tests.lists.loopback import serving
from tests.pictures import drawn, list_of
from tests.store.importing import import_text

PICTURE = drawn(1)
STEPS = ("submit", "upload", "fileinfo", "finish")

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")


@pytest.fixture
def server() -> Iterator[CyberTiplineServer]:
    with serving(CyberTiplineServer(), "/ispws") as started:
        yield started


@pytest.fixture
def configure(
    settings: Settings, server: CyberTiplineServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Callable[..., Settings]:
    monkeypatch.setenv("NCMEC_PASSWORD", PASSWORD)
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    (tmp_path / "post").mkdir()
    (tmp_path / "post" / "1").write_bytes(PICTURE)

    def make(**given: Any) -> Settings:
        target = {
            "to": "cybertipline",
            "environment": "production",
            "base": server.url,
            "username": USER,
            "password": {"env": "NCMEC_PASSWORD"},
            "reporter": {"email": "safety@platform.example", "first_name": "Ann"},
            "platform": "The Platform",
            "classifications": {"A": "A1"},
            "file": {"command": ["/bin/cat", f"{tmp_path}/{{content_id}}"]},
            "timeout_s": 30,
            **given,
        }
        return settings_with(
            settings,
            escalations={"ncmec": target},
            outbox={"private_hosts": ["127.0.0.1"]},
            cases={"detail_keys": [{"env": "DETAIL_KEY"}]},
        )

    return make


@pytest.fixture
def case(database: Database) -> int:
    import_text(database, "one", list_of(1, 2))
    key = make_match(database, data=PICTURE, reference="s3://b/1")
    act(database, key, CaseAction.CONFIRM)
    return key


def _report(database: Database, settings: Settings, case: int, **more: Any) -> Any:
    with database.writing() as session:
        return escalate(session, settings, case, "ncmec", REVIEWER, **more)


def _send(database: Database, settings: Settings) -> dict[str, int]:
    sent = send_due(database, case_senders(settings, database))
    assert sent.blocked == {}
    return dict(sent.counts)


def _pass_time(database: Database, server: CyberTiplineServer, **delta: float) -> None:
    """Let time pass for the server and for what the store remembers of it."""
    server.offset += timedelta(**delta)
    with database.writing() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.next_attempt_at.is_not(None))
            .values(next_attempt_at=utc_now() - timedelta(seconds=1))
        )
        for row in session.query(NCMECReport).all():
            row.created_at -= timedelta(**delta)
            if row.touched_at is not None:
                row.touched_at -= timedelta(**delta)


def _stage(database: Database) -> str:
    with database.reading() as session:
        return session.query(NCMECReport).order_by(NCMECReport.key.desc()).first().stage  # type: ignore[union-attr]


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
    done = _report(database, settings, case)
    assert (done.state, server.calls) == (State.ESCALATED, [])
    assert _send(database, settings) == {"sent": 1}
    assert _send(database, settings) == {}
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
        _report(database, settings, case)


def test_a_report_to_the_test_server_is_no_report(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure(environment="test")
    _report(database, settings, case)
    _send(database, settings)
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
    _report(database, settings, case)
    server.faults = [*[""] * STEPS.index(step), fault]
    for _ in range(6):
        _send(database, settings)
        if not server.faults:
            settings = configure()
        _pass_time(database, server, minutes=2)
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
    _report(database, settings, case)
    faults: list[str | int] = ["", "", "before", "after", "empty", 500]
    server.faults = [chance.choice(faults) for _ in range(14)]
    for _ in range(11):
        _send(database, settings)
        _pass_time(database, server, minutes=chance.choice([1, 1, 10, 70]))
        if _stage(database) == "unknown":
            _settle_as_ncmec_says(database, settings, server, case)
    server.faults = []
    for _ in range(4):
        _send(database, settings)
        _pass_time(database, server, minutes=2)
        if _stage(database) == "unknown":
            _settle_as_ncmec_says(database, settings, server, case)
    _check_one_finished(database, server, case)


def _settle_as_ncmec_says(
    database: Database, settings: Settings, server: CyberTiplineServer, case: int
) -> None:
    with database.writing() as session:
        settle(session, case, ADMINISTRATOR, is_finished=bool(server.finished()))
    if not server.finished():
        _report(database, settings, case)


def _check_one_finished(database: Database, server: CyberTiplineServer, case: int) -> None:
    assert len(server.finished()) == 1
    assert list(server.finished()[0].files.values()) == [PICTURE]
    assert server.wrong == []
    server.offset += timedelta(hours=2)
    assert server.still_open() == []
    assert (_stage(database), state_of(database, case)) == ("finished", State.REPORTED)


def test_a_report_that_expired_is_restarted(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    _report(database, settings, case)
    server.faults = ["", "", 500]
    _send(database, settings)
    assert _stage(database) == "uploaded"
    _pass_time(database, server, hours=3)
    _send(database, settings)
    _check_one_finished(database, server, case)
    assert len(server.reports) == 2


def test_a_finish_without_an_answer_for_too_long_is_of_unknown_status(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    _report(database, settings, case)
    server.faults = ["", "", "", "after"]
    _send(database, settings)
    assert _stage(database) == "finishing"
    _pass_time(database, server, hours=3)
    assert _send(database, settings) == {"dead": 1}
    assert (_stage(database), state_of(database, case)) == ("unknown", State.ESCALATED)
    with database.reading() as session:
        (message,) = read_outbox(session, limit=1)
    assert "unknown status" in message.problem
    with database.writing() as session:
        settle(session, case, ADMINISTRATOR, is_finished=True)
    assert state_of(database, case) is State.REPORTED
    assert len(server.finished()) == 1
    with database.reading() as session:
        history = view_case(session, case)["history"]
    assert "case.settle" in [one["what"] for one in history]


def test_a_sender_that_was_overtaken_stops(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    _report(database, settings, case)
    overtaken = iter([True])

    def overtake(name: str) -> None:
        if name == "upload" and next(overtaken, False):
            with database.writing() as session:
                session.execute(update(NCMECReport).values(turn=NCMECReport.turn + 1))

    server.on_call = overtake
    assert _send(database, settings) == {"failed": 1}
    assert _stage(database) == "uploading"
    _pass_time(database, server, minutes=2)
    assert _send(database, settings) == {"sent": 1}
    _check_one_finished(database, server, case)


@pytest.mark.parametrize("data", [b"", b"another file", PICTURE + b"x"])
def test_another_file_than_the_one_that_matched_is_never_sent(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    tmp_path: Any,
    data: bytes,
) -> None:
    (tmp_path / "post" / "1").write_bytes(data)
    settings = configure()
    _report(database, settings, case)
    assert _send(database, settings) == {"dead": 1}
    assert server.calls == []


@pytest.mark.parametrize(
    "file",
    [
        {"command": ["/nowhere/at/all"]},
        {"command": [sys.executable, "-c", "raise SystemExit(3)"]},
        {"command": [sys.executable, "-c", "import time; time.sleep(60)"], "timeout_s": 0.3},
        {"url": "https://elsewhere.example/{content_id}", "hosts": ["files.example"]},
        {"url": "https://127.0.0.1:1/{content_id}", "hosts": ["127.0.0.1"]},
    ],
)
def test_a_file_that_does_not_come_is_waited_for(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    file: dict[str, Any],
) -> None:
    settings = configure(file=file)
    _report(database, settings, case)
    assert _send(database, settings) == {"failed": 1}
    assert server.calls == []


def test_without_a_hand_over_the_report_goes_alone_and_says_so(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure(file=None)
    _report(database, settings, case)
    assert _send(database, settings) == {"sent": 1}
    assert server.calls == ["submit", "finish"]
    (report,) = server.finished()
    words = str(etree.fromstring(report.document).findtext("additionalInfo"))
    assert "not uploaded with this report: the platform has configured no hand-over" in words
    assert "SHA256: " in words
    with database.reading() as session:
        assert view_case(session, case)["reports"][0]["without_file"] != ""


def test_a_refusal_that_will_stay_is_shown_and_leaves_nothing(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = configure()
    monkeypatch.setattr(submitting, "report_document", lambda *_, **__: b"<report/>")
    _report(database, settings, case)
    assert _send(database, settings) == {"dead": 1}
    with database.reading() as session:
        (message,) = read_outbox(session, limit=1)
    assert "code 4100" in message.problem
    assert server.reports == {}


def test_a_wrong_password_is_tried_again_later(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = configure()
    monkeypatch.setenv("NCMEC_PASSWORD", "secret-wrong")
    _report(database, settings, case)
    assert _send(database, settings) == {"failed": 1}
    monkeypatch.setenv("NCMEC_PASSWORD", PASSWORD)
    _pass_time(database, server, minutes=2)
    assert _send(database, settings) == {"sent": 1}


def test_a_report_that_is_not_finished_is_taken_back(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    _report(database, settings, case)
    server.faults = ["", "", 500]
    _send(database, settings)
    with pytest.raises(CaseStateError, match="under way"):
        _report(database, settings, case)
    retract(database, settings, case, ADMINISTRATOR)
    assert [one.state for one in server.reports.values()] == ["retracted"]
    _pass_time(database, server, minutes=2)
    _send(database, settings)
    assert server.finished() == []
    _report(database, settings, case)
    _send(database, settings)
    assert len(server.finished()) == 1
    with pytest.raises(CaseStateError, match="no such report"):
        retract(database, settings, case, ADMINISTRATOR)


def test_a_report_is_sent_again_only_where_that_is_requested(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    _report(database, settings, case)
    _send(database, settings)
    act(database, case, CaseAction.REOPEN)
    act(database, case, CaseAction.CONFIRM)
    with pytest.raises(CaseStateError, match="reported already"):
        _report(database, settings, case)
    _report(database, settings, case, again=True)
    _send(database, settings)
    assert len(server.finished()) == 2


def test_the_same_address_is_the_same_however_it_is_written(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    _report(database, settings := configure(), case)
    _send(database, settings)
    act(database, case, CaseAction.REOPEN)
    act(database, case, CaseAction.CONFIRM)
    with pytest.raises(CaseStateError, match="reported already"):
        _report(database, configure(base=f"{server.url}/"), case)


def test_a_report_that_is_stuck_is_settled_beside_newer_ones(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    _report(database, settings, case)
    server.faults = ["", "", "", "after"]
    _send(database, settings)
    test_server = configure(environment="test", base="https://exttest.example")
    _report(database, test_server, case)
    with database.writing() as session:
        settle(session, case, ADMINISTRATOR, is_finished=True)
    assert state_of(database, case) is State.REPORTED
    with database.reading() as session:
        stages = [one["stage"] for one in view_case(session, case)["reports"]]
    assert stages == ["finished", "queued"]


def test_agreeing_to_one_report_is_not_agreeing_to_another(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    cases = settings.cases.model_copy(update={"four_eyes": ("report",)})
    other = settings.escalations["ncmec"].model_copy(update={"environment": "test"})
    escalations = {**settings.escalations, "test": other}
    settings = settings.model_copy(update={"cases": cases, "escalations": escalations})
    with database.writing() as session:
        escalate(session, settings, case, "test", REVIEWER)
    with database.writing() as session:
        assert escalate(session, settings, case, "ncmec", OTHER).needs_second_approval
    assert _send(database, settings) == {}


@pytest.mark.sqlite
@pytest.mark.timeout(55)
def test_a_command_that_leaves_others_behind_is_not_waited_for(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    leaving = ["/bin/sh", "-c", "setsid sleep 60 & echo x"]
    settings = configure(file={"command": leaving, "timeout_s": 0.5})
    _report(database, settings, case)
    assert _send(database, settings) == {"failed": 1}


@pytest.mark.sqlite
def test_a_name_that_could_be_an_option_is_handed_to_no_command(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer
) -> None:
    import_text(database, "one", list_of(1, 2))
    case = make_match(database, "--output=/etc/passwd", data=PICTURE)
    act(database, case, CaseAction.CONFIRM)
    settings = configure(file={"command": ["/bin/cat", "{content_id}"]})
    _report(database, settings, case)
    assert _send(database, settings) == {"dead": 1}


def test_under_four_eyes_a_report_waits_for_another_actor(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    cases = settings.cases.model_copy(update={"four_eyes": ("report",)})
    settings = settings.model_copy(update={"cases": cases})
    assert _report(database, settings, case).needs_second_approval
    assert _send(database, settings) == {}
    with database.writing() as session:
        escalate(session, settings, case, "ncmec", OTHER)
    assert _send(database, settings) == {"sent": 1}
    assert state_of(database, case) is State.REPORTED


def test_details_without_their_key_stop_a_report_that_would_lack_them(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    with database.writing() as session:
        details = parse_details('{"account": {"id": "u-1"}}')
        store_details(session, open_sealer(settings), case, details, REVIEWER)
    _report(database, settings, case)
    without = settings.model_copy(
        update={"cases": settings.cases.model_copy(update={"detail_keys": ()})}
    )
    assert _send(database, without) == {"failed": 1}
    assert server.calls == []
