"""Which reports are made: one of what a decision covers, again where asked, agreed to by two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hashmatch.cases import CaseAction, State, escalate
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError
from hashmatch.store.engine import Database
from tests.cases.making import OTHER, REVIEWER, act, make_match, state_of
from tests.cybertip.reporting import PICTURE, report_case, send
from tests.cybertip.server import SCHEMA, CyberTiplineServer
from tests.pictures import drawn

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")


def test_a_report_is_sent_again_only_where_that_is_requested(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_case(database, settings, case)
    send(database, settings)
    act(database, case, CaseAction.REOPEN)
    act(database, case, CaseAction.CONFIRM)
    with pytest.raises(CaseStateError, match="reported already"):
        report_case(database, settings, case)
    report_case(database, settings, case, again=True)
    send(database, settings)
    assert len(server.finished()) == 2


def test_other_bytes_are_reported_after_a_new_decision_with_the_earlier_report(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    tmp_path: Path,
) -> None:
    settings = configure()
    report_case(database, settings, case)
    send(database, settings)
    (first,) = server.finished()
    other = drawn(2)
    assert make_match(database, data=other, entries=(2,), reference="s3://b/1") == case
    assert state_of(database, case) is State.OPEN
    act(database, case, CaseAction.CONFIRM)
    (tmp_path / "post" / "1").write_bytes(other)
    report_case(database, settings, case)
    send(database, settings)
    _, second = server.finished()
    text = second.document.decode()
    assert f"Reported before under the same name, of what was known then: {first.number}" in text
    assert "entry e2" in text
    assert "entry e1" not in text
    assert list(second.files.values()) == [other]
    with pytest.raises(CaseStateError, match="reported already"):
        act(database, case, CaseAction.REOPEN)
        act(database, case, CaseAction.CONFIRM)
        report_case(database, settings, case)


def test_of_several_items_under_a_name_that_which_is_handed_over_is_described(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
) -> None:
    assert make_match(database, data=b"gone by now", entries=(2,)) == case
    act(database, case, CaseAction.CONFIRM)
    settings = configure()
    report_case(database, settings, case)
    assert send(database, settings) == {"sent": 1}
    (report,) = server.finished()
    assert list(report.files.values()) == [PICTURE]
    assert all(f"entry {name}" in report.document.decode() for name in ("e1", "e2"))


def test_the_same_address_is_the_same_however_it_is_written(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    report_case(database, settings := configure(), case)
    send(database, settings)
    act(database, case, CaseAction.REOPEN)
    act(database, case, CaseAction.CONFIRM)
    with pytest.raises(CaseStateError, match="reported already"):
        report_case(database, configure(base=f"{server.url}/"), case)


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
    assert send(database, settings) == {}


def test_under_four_eyes_a_report_waits_for_another_actor(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    cases = settings.cases.model_copy(update={"four_eyes": ("report",)})
    settings = settings.model_copy(update={"cases": cases})
    assert report_case(database, settings, case).needs_second_approval
    assert send(database, settings) == {}
    with database.writing() as session:
        escalate(session, settings, case, "ncmec", OTHER)
    assert send(database, settings) == {"sent": 1}
    assert state_of(database, case) is State.REPORTED
