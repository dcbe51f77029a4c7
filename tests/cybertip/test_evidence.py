"""Reports of several bytes under one content id: of what was decided, and with its own file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hashmatch.cases import CaseAction, State
from hashmatch.config import Settings
from hashmatch.cybertip.handoff import is_same_file
from hashmatch.errors import CaseStateError
from hashmatch.store.engine import Database
from hashmatch.store.schema import (
    Case,
    Content,
    ContentHash,
    NCMECReport,
    OutboxMessage,
    utc_now,
)
from tests.cases.making import act, make_match, state_of
from tests.cybertip.reporting import PICTURE, pass_time, report_and_send, report_case, send
from tests.cybertip.server import SCHEMA, CyberTiplineServer

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")


def test_bytes_that_come_while_a_report_is_under_way_wait_for_their_own_decision(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings, others = configure(file=None), iter((2, 3, 4))

    def find_more(_: str = "") -> None:
        if number := next(others, None):
            assert make_match(database, data=bytes([number]), entries=(number,)) == case

    report_case(database, settings, case)
    find_more()
    server.on_call = find_more
    assert send(database, settings) == {"sent": 1}
    assert state_of(database, case) is State.OPEN
    act(database, case, CaseAction.CONFIRM)
    report_case(database, settings, case)
    assert send(database, settings) == {"sent": 1}
    first, second = (one.document.decode() for one in server.finished())
    assert [f"entry e{number}," in first for number in (1, 2, 3, 4)] == [True, False, False, False]
    assert [f"entry e{number}," in second for number in (1, 2, 3, 4)] == [False, True, True, True]


def _merge(database: Database, first: int, second: int) -> None:
    """Merge a case into another, as the migration merges those of one content id."""
    with database.writing() as session:
        merged, live = session.get_one(Case, first), session.get_one(Case, second)
        content = session.get_one(Content, live.content_key)
        content.content_id, merged.content_id = merged.content_id or "", None
        merged.state, merged.changed_at = State.CLOSED, utc_now()
        session.flush()
        live.content_id = content.content_id


@pytest.mark.parametrize("reported", [1, 2])
def test_of_merged_cases_that_is_reported_which_was_not(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    reported: int,
) -> None:
    settings = configure(file=None)
    other = make_match(database, "post/2", data=b"b", entries=(2,))
    act(database, other, CaseAction.CONFIRM)
    report_case(database, settings, case if reported == 1 else other)
    assert send(database, settings) == {"sent": 1}
    _merge(database, case, other)
    if reported == 2:
        act(database, other, CaseAction.REOPEN)
        act(database, other, CaseAction.CONFIRM)
    report_case(database, settings, other)
    assert send(database, settings) == {"sent": 1}
    first, second = (one.document.decode() for one in server.finished())
    assert [f"entry e{reported}," in one for one in (first, second)] == [True, False]
    assert [f"entry e{3 - reported}," in one for one in (first, second)] == [False, True]
    act(database, other, CaseAction.REOPEN)
    act(database, other, CaseAction.CONFIRM)
    with pytest.raises(CaseStateError, match="reported already"):
        report_case(database, settings, other)


@pytest.mark.parametrize("action", [CaseAction.DISMISS, CaseAction.CONFIRM])
def test_a_report_of_a_merged_case_that_never_arrives_gives_back_the_live_one(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    action: CaseAction,
) -> None:
    settings = configure()
    other = make_match(database, "post/2", data=b"b", entries=(2,))
    report_case(database, settings, case)
    act(database, other, action)
    _merge(database, case, other)
    with pytest.raises(CaseStateError, match=f"report of case {case} is under way"):
        act(database, other, CaseAction.REOPEN)
        act(database, other, CaseAction.CONFIRM)
        report_case(database, settings, other)
    if action is CaseAction.DISMISS:
        act(database, other, CaseAction.DISMISS)
    with database.writing() as session:
        session.execute(update(OutboxMessage).values(attempts=11))
    server.faults = ["before"]
    assert send(database, settings) == {"dead": 1}
    expected = State.OPEN if action is CaseAction.DISMISS else State.CONFIRMED
    assert state_of(database, other) is expected


@pytest.mark.sqlite
def test_a_file_is_described_as_itself_though_another_was_handed_over_before(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    tmp_path: Path,
) -> None:
    settings, other = configure(), PICTURE + b" "
    assert make_match(database, data=other, entries=(2,)) == case
    act(database, case, CaseAction.CONFIRM)
    report_and_send(database, settings, server, case, "", 500)
    with database.writing() as session:
        session.execute(update(NCMECReport).values(stage="opened"))
    (tmp_path / "post" / "1").write_bytes(other)
    some: list[str | int] = ["", 500]
    for faults in (some, []):
        pass_time(database, server, minutes=2)
        server.faults = [*faults]
        send(database, settings)
    (report,) = server.finished()
    assert list(report.files.values()) == [other]
    with database.reading() as session:
        of_other = Content.fingerprint == hashlib.sha256(other).digest()
        key = session.scalar(select(Content.key).where(of_other))
        assert session.scalar(select(NCMECReport.content_key)) == key


@pytest.mark.sqlite
def test_a_file_is_proved_by_the_strongest_of_its_hashes() -> None:
    content = Content(format="", fingerprint=b"")
    hashes = [
        ContentHash(algorithm=name, value=hashlib.new(name, data).digest())
        for name, data in (("md5", PICTURE), ("sha256", b"other"), ("sha256", b"more"))
    ]
    answers = [is_same_file(data, content, hashes) for data in (PICTURE, b"other", b"more")]
    assert answers == [False, True, True]
    assert is_same_file(PICTURE, content, hashes[:1]) is True
    assert is_same_file(PICTURE, content, []) is None
