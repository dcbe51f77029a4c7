"""Reports that are settled or taken back while a call to finish them is under way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from hashmatch.cases import CaseAction, State, retract, settle
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, InputError
from hashmatch.store.engine import Database
from hashmatch.store.schema import Case, NCMECReport, OutboxMessage, utc_now
from tests.cases.making import ADMINISTRATOR, act, state_of
from tests.cybertip.reporting import newest_stage, pass_time, report_and_send, report_case, send
from tests.cybertip.server import CyberTiplineServer


def _when_finishing(server: CyberTiplineServer, act: Callable[[], None]) -> None:
    def on_call(name: str) -> None:
        if name == "finish":
            act()

    server.on_call = on_call


def test_a_report_is_not_settled_while_it_is_being_finished(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_case(database, settings, case)
    refusals: list[str] = []

    def act() -> None:
        with database.writing() as session, pytest.raises(CaseStateError) as caught:
            settle(session, Settings(), case, ADMINISTRATOR, is_finished=False)
        refusals.append(caught.value.message)

    _when_finishing(server, act)
    assert send(database, settings) == {"sent": 1}
    assert "being finished now" in refusals[0]
    assert (newest_stage(database), state_of(database, case)) == ("finished", State.REPORTED)


def test_a_success_that_comes_after_settling_counts_and_stops_the_next_report(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    """The sender stood still for so long that a person took it for dead."""
    settings = configure()
    report_case(database, settings, case)

    def act() -> None:
        server.on_call = lambda _: None
        with database.writing() as session:
            session.execute(update(NCMECReport).values(began_at=None))
            settle(session, Settings(), case, ADMINISTRATOR, is_finished=False)
        report_case(database, settings, case)

    _when_finishing(server, act)
    send(database, settings)
    pass_time(database, server, minutes=2)
    send(database, settings)
    assert len(server.finished()) == 1
    with database.reading() as session:
        stages = [one.stage for one in session.query(NCMECReport).order_by(NCMECReport.key)]
    assert stages == ["finished", "retracted"]
    assert state_of(database, case) is State.REPORTED


def test_what_is_finished_at_ncmec_is_not_taken_back(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_and_send(database, settings, server, case, "", "", 500)
    (report,) = server.reports.values()
    report.state = "finished"  # By somebody else who may use the account.
    with pytest.raises(InputError, match="is finished, and is recorded as such"):
        retract(database, settings, case, ADMINISTRATOR)
    assert (newest_stage(database), state_of(database, case)) == ("finished", State.REPORTED)


def test_a_report_is_owed_whoever_else_was_notified(
    database: Database, configure: Callable[..., Settings], server: CyberTiplineServer, case: int
) -> None:
    settings = configure()
    report_case(database, settings, case)
    with database.writing() as session:
        session.execute(update(Case).values(notified_at=utc_now()))
        session.execute(update(OutboxMessage).values(attempts=11))
    server.faults = ["before"]
    assert send(database, settings) == {"dead": 1}
    assert state_of(database, case) is State.CONFIRMED
    with database.writing() as session:
        session.execute(update(Case).values(state=State.ESCALATED))
    with pytest.raises(CaseStateError, match="report of it to NCMEC is under way"):
        act(database, case, CaseAction.CLOSE)
    retract(database, settings, case, ADMINISTRATOR)
    act(database, case, CaseAction.CLOSE)
