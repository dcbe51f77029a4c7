"""Duties about cases: references, deadlines and measures, on record, and none forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hashmatch.audit import verify
from hashmatch.cases import (
    Automation,
    CaseAction,
    Ground,
    Restriction,
    State,
    apply_retention,
    end_deadline,
    impose,
    lift,
    notify_uploader,
    refer,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, InputError, NotFoundError
from hashmatch.store.duties import (
    find_references,
    read_deadlines,
    read_open_deadlines,
    read_references,
)
from hashmatch.store.engine import Database
from hashmatch.store.schema import Case, CaseReference, CaseRetention, RetentionClass, utc_now
from tests.cases.making import REVIEWER, act, make_match, settings_with, state_of

_DEADLINES = {
    "nca": {
        "after": "confirmed",
        "hours": 24,
        "basis": "SI 2026/268",
        "met_by": "reference",
        "authority": "NCA",
        "categories": ["A"],
    },
    "statement": {"after": "measure", "hours": 48, "met_by": "notification"},
    "police": {"after": "reported", "hours": 72},
}


@pytest.fixture
def chosen(settings: Settings) -> Settings:
    return settings_with(settings, cases={"deadlines": _DEADLINES})


@pytest.fixture
def confirmed(listed: Database, chosen: Settings) -> int:
    case = make_match(listed, category="A")
    act(listed, case, CaseAction.CONFIRM, settings=chosen.cases)
    return case


def _duties(database: Database, case: int) -> dict[str, str]:
    with database.reading() as session:
        return {one.duty: one.outcome for one in read_deadlines(session, case)}


def _impose(database: Database, settings: Settings, case: int, **more: Any) -> None:
    with database.writing() as session:
        impose(
            session,
            settings,
            case,
            Restriction.REMOVAL,
            REVIEWER,
            ground=Ground.ILLEGAL,
            automation=Automation.PARTIAL,
            **more,
        )


def test_a_confirmed_case_owes_what_is_configured_for_its_category(
    listed: Database, chosen: Settings, confirmed: int
) -> None:
    assert _duties(listed, confirmed) == {"nca": "open"}
    other = make_match(listed, "post/2", category="B")
    act(listed, other, CaseAction.CONFIRM, settings=chosen.cases)
    assert _duties(listed, other) == {}
    with listed.reading() as session:
        (due,) = read_open_deadlines(session, limit=10)
        assert (due.case, due.content_id, due.basis) == (confirmed, "post/1", "SI 2026/268")
        assert timedelta(hours=23) < due.due_at - utc_now() <= timedelta(hours=24)
        assert read_open_deadlines(session, before=utc_now(), limit=10) == []


def test_a_reference_meets_the_deadline_of_its_authority_alone(
    listed: Database, chosen: Settings, confirmed: int
) -> None:
    with listed.writing() as session:
        refer(session, chosen, confirmed, "NCMEC", "4711", REVIEWER)
    assert _duties(listed, confirmed) == {"nca": "open"}
    made_at = utc_now() - timedelta(hours=1)
    with listed.writing() as session:
        refer(session, chosen, confirmed, " nca ", "NCA-1", REVIEWER, made_at=made_at)
        # Twice is once.
        refer(session, chosen, confirmed, "NCA", "NCA-1", REVIEWER)
    assert _duties(listed, confirmed) == {"nca": "met"}
    with listed.reading() as session:
        assert [one.reference for one in read_references(session, confirmed)] == ["4711", "NCA-1"]
        assert [one.ended_at for one in read_deadlines(session, confirmed)] == [made_at]
        assert [one.case_key for one in find_references(session, "NCA-1", limit=5)] == [confirmed]
        assert verify(session, {}).problems == []


@pytest.mark.parametrize(
    ("authority", "reference", "ahead"), [("", "1", 0), ("NCA", " ", 0), ("NCA", "1", 3_600)]
)
def test_a_reference_needs_authority_text_and_a_time_that_has_been(
    listed: Database, chosen: Settings, confirmed: int, authority: str, reference: str, ahead: int
) -> None:
    made_at = utc_now() + timedelta(seconds=ahead)
    with listed.writing() as session, pytest.raises(InputError):
        refer(session, chosen, confirmed, authority, reference, REVIEWER, made_at=made_at)


def test_what_is_owed_keeps_a_case_from_being_closed(
    listed: Database, chosen: Settings, confirmed: int
) -> None:
    act(listed, confirmed, CaseAction.REPORTED, settings=chosen.cases)
    assert _duties(listed, confirmed) == {"nca": "open", "police": "open"}
    with pytest.raises(CaseStateError, match="still owes nca, police"):
        act(listed, confirmed, CaseAction.CLOSE)
    with listed.writing() as session:
        with pytest.raises(InputError, match="reason"):
            end_deadline(session, confirmed, 1, REVIEWER, waive=True)
        end_deadline(session, confirmed, 1, REVIEWER, waive=True, note="no service in the UK")
        end_deadline(session, confirmed, 2, REVIEWER)
        with pytest.raises(CaseStateError, match="met already"):
            end_deadline(session, confirmed, 2, REVIEWER)
        with pytest.raises(NotFoundError, match="no deadline 9"):
            end_deadline(session, confirmed, 9, REVIEWER)
    act(listed, confirmed, CaseAction.CLOSE)
    assert state_of(listed, confirmed) is State.CLOSED
    with listed.reading() as session:
        assert verify(session, {}).problems == []


def test_a_dismissed_case_owes_nothing(listed: Database, chosen: Settings, confirmed: int) -> None:
    act(listed, confirmed, CaseAction.DISMISS)
    assert _duties(listed, confirmed) == {"nca": "waived"}
    act(listed, confirmed, CaseAction.REOPEN)
    act(listed, confirmed, CaseAction.CONFIRM, settings=chosen.cases)
    with listed.reading() as session:
        assert [one.outcome for one in read_deadlines(session, confirmed)] == ["waived", "open"]


def test_a_measure_is_owed_its_reasons_and_is_lifted_where_it_was_wrong(
    listed: Database, chosen: Settings, confirmed: int
) -> None:
    _impose(listed, chosen, confirmed, territory="EU")
    assert _duties(listed, confirmed)["statement"] == "open"
    with listed.writing() as session:
        notify_uploader(session, chosen, confirmed, REVIEWER)
        with pytest.raises(CaseStateError, match="no measure whose reasons"):
            notify_uploader(session, chosen, confirmed, REVIEWER)
    assert _duties(listed, confirmed)["statement"] == "met"
    act(listed, confirmed, CaseAction.DISMISS)
    with pytest.raises(CaseStateError, match="measures are in force"):
        act(listed, confirmed, CaseAction.CLOSE)
    with listed.writing() as session:
        lift(session, confirmed, REVIEWER, note="it was a harmless picture")
        with pytest.raises(CaseStateError, match="no such measure"):
            lift(session, confirmed, REVIEWER, note="again")
    act(listed, confirmed, CaseAction.CLOSE)
    with listed.reading() as session:
        (measure,) = view_case(session, confirmed)["measures"]
        assert verify(session, {}).problems == []
    assert (measure["territory"], measure["automation"]) == ("EU", "partial")
    assert measure["notified_at"] is not None
    assert measure["lifted_at"] is not None


def test_a_reported_case_stays_for_a_year_and_its_reference_for_five(
    listed: Database, chosen: Settings, confirmed: int
) -> None:
    kept = chosen.retention.model_copy(update={"closed_days": 30, "reference_days": 1_826})
    chosen = chosen.model_copy(update={"retention": kept})
    made_at = utc_now() - timedelta(days=100)
    with listed.writing() as session:
        refer(session, chosen, confirmed, "NCA", "NCA-1", REVIEWER, made_at=made_at)
    act(listed, confirmed, CaseAction.REPORTED)
    act(listed, confirmed, CaseAction.CLOSE)
    with listed.reading() as session:
        facts = view_case(session, confirmed)["retention"]
    assert facts["retention_class"] == RetentionClass.REPORT
    with listed.writing() as session:
        session.execute(update(Case).values(changed_at=utc_now() - timedelta(days=60)))
    assert apply_retention(listed, chosen, dry_run=True)["cases"] == 0
    assert "cases" not in apply_retention(listed, chosen, dry_run=False)
    _expire(listed)
    removed = apply_retention(listed, chosen, dry_run=False)
    assert removed["cases"] == 1
    assert "references" not in removed
    with listed.reading() as session:
        assert [one.reference for one in find_references(session, "NCA-1", limit=5)] == ["NCA-1"]
    with listed.writing() as session:
        session.execute(update(CaseReference).values(made_at=utc_now() - timedelta(days=2_000)))
    assert apply_retention(listed, chosen, dry_run=False)["references"] == 1


def _expire(database: Database) -> None:
    with database.writing() as session:
        for row in session.scalars(select(CaseRetention)):
            row.keep_until = utc_now() - timedelta(seconds=1)
