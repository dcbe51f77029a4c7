"""Appeals: answered by somebody who did not decide, once, and reversed to where they belong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hashmatch.audit import verify
from hashmatch.cases import (
    ActionDone,
    Actor,
    Appellant,
    CaseAction,
    State,
    answer_appeal,
    open_appeal,
    receive_appeal,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError, InputError
from hashmatch.store.duties import read_appeals, read_open_appeals
from hashmatch.store.engine import Database
from hashmatch.store.schema import AppealState, utc_now
from tests.cases.making import OTHER, REVIEWER, act, make_match, settings_with, state_of


@pytest.fixture
def confirmed(listed: Database) -> int:
    case = make_match(listed)
    act(listed, case, CaseAction.CONFIRM)
    return case


def _receive(database: Database, settings: Settings, case: int, **more: object) -> int:
    with database.writing() as session:
        receive_appeal(session, settings, case, OTHER, grounds="this is my dog", **more)  # type: ignore[arg-type]
        return open_appeal(session, case)


def _answer(
    database: Database,
    settings: Settings,
    case: int,
    appeal: int,
    answer: AppealState,
    actor: Actor = OTHER,
) -> ActionDone:
    with database.writing() as session:
        return answer_appeal(session, settings, case, appeal, answer, actor, note="looked at again")


def _state(database: Database, case: int) -> list[str]:
    with database.reading() as session:
        return [one.state for one in read_appeals(session, case)]


def test_an_appeal_is_due_and_keeps_its_case_from_being_closed(
    listed: Database, settings: Settings, confirmed: int
) -> None:
    act(listed, confirmed, CaseAction.REPORTED)
    appeal = _receive(listed, settings, confirmed, received_at=utc_now() - timedelta(hours=1))
    with listed.reading() as session:
        (due,) = read_open_appeals(session, limit=5)
    assert (due.key, due.case, due.duty) == (appeal, confirmed, "internal")
    assert timedelta(hours=334) < due.due_at - utc_now() < timedelta(hours=336)
    with pytest.raises(CaseStateError, match="while an appeal is open"):
        act(listed, confirmed, CaseAction.CLOSE)
    _answer(listed, settings, confirmed, appeal, AppealState.UPHELD)
    act(listed, confirmed, CaseAction.CLOSE)
    assert state_of(listed, confirmed) is State.CLOSED
    with pytest.raises(CaseStateError, match="was answered: upheld"):
        _answer(listed, settings, confirmed, appeal, AppealState.REVERSED)
    with listed.reading() as session:
        assert verify(session, {}).problems == []


@pytest.mark.parametrize("answer", [one for one in AppealState if one != "received"])
def test_who_decided_does_not_answer(
    listed: Database, settings: Settings, confirmed: int, answer: AppealState
) -> None:
    appeal = _receive(listed, settings, confirmed)
    if answer is AppealState.WITHDRAWN:
        _answer(listed, settings, confirmed, appeal, answer, REVIEWER)
        return
    with pytest.raises(ForbiddenError, match="somebody other than"):
        _answer(listed, settings, confirmed, appeal, answer, REVIEWER)
    assert _state(listed, confirmed) == ["received"]
    alone = settings_with(settings, cases={"appeals_by_another": False})
    _answer(listed, alone, confirmed, appeal, answer, REVIEWER)
    assert _state(listed, confirmed) == [answer]


@pytest.mark.parametrize("after", [(), ("reported",), ("reported", "close")])
def test_a_reversed_decision_is_a_false_positive(
    listed: Database, settings: Settings, confirmed: int, after: tuple[str, ...]
) -> None:
    for action in after:
        act(listed, confirmed, CaseAction(action))
    appeal = _receive(listed, settings, confirmed)
    done = _answer(listed, settings, confirmed, appeal, AppealState.REVERSED)
    assert done.state is State.FALSE_POSITIVE
    assert _state(listed, confirmed) == ["reversed"]


@pytest.mark.parametrize("after", [(), ("close",)])
def test_a_dismissal_that_is_reversed_is_decided_about_again(
    listed: Database, settings: Settings, after: tuple[str, ...]
) -> None:
    case = make_match(listed)
    for action in ("dismiss", *after):
        act(listed, case, CaseAction(action))
    appeal = _receive(listed, settings, case, appellant=Appellant.NOTIFIER)
    assert _answer(listed, settings, case, appeal, AppealState.REVERSED).state is State.OPEN


def test_under_four_eyes_a_reversal_needs_two(
    listed: Database, settings: Settings, confirmed: int
) -> None:
    strict = settings_with(settings, cases={"four_eyes": ["dismiss"]})
    third = Actor("carla", "test", OTHER.roles)
    appeal = _receive(listed, strict, confirmed)
    done = _answer(listed, strict, confirmed, appeal, AppealState.REVERSED)
    assert done.needs_second_approval
    assert _state(listed, confirmed) == ["received"]
    with pytest.raises(ForbiddenError, match="somebody other than"):
        _answer(listed, strict, confirmed, appeal, AppealState.REVERSED)
    done = _answer(listed, strict, confirmed, appeal, AppealState.REVERSED, third)
    assert (done.state, done.needs_second_approval) == (State.FALSE_POSITIVE, False)
    assert _state(listed, confirmed) == ["reversed"]
    with listed.reading() as session:
        assert verify(session, {}).problems == []


def test_an_answer_needs_its_reason_and_an_appeal_that_is_there(
    listed: Database, settings: Settings, confirmed: int
) -> None:
    appeal = _receive(listed, settings, confirmed)
    with listed.writing() as session:
        with pytest.raises(InputError, match="reason"):
            answer_appeal(session, settings, confirmed, appeal, AppealState.UPHELD, OTHER, note=" ")
        with pytest.raises(InputError, match="one of"):
            answer_appeal(
                session, settings, confirmed, appeal, AppealState.RECEIVED, OTHER, note="x"
            )
        with pytest.raises(InputError, match="past"):
            receive_appeal(
                session, settings, confirmed, OTHER, received_at=utc_now() + timedelta(days=1)
            )
    _receive_second(listed, settings, confirmed)


def _receive_second(database: Database, settings: Settings, case: int) -> None:
    with database.writing() as session:
        receive_appeal(session, settings, case, OTHER)
        with pytest.raises(CaseStateError, match="several or no appeals"):
            open_appeal(session, case)
