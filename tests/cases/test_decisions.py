"""Decisions about cases, and what new matches do to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from hashmatch.cases import (
    ActionDone,
    ActionFailed,
    Actor,
    CaseAction,
    State,
    act_on_each,
    add_note,
    assign,
    decide,
    escalate,
    hold,
    plan,
)
from hashmatch.cases.views import view_case
from hashmatch.config import CasesSettings, Settings
from hashmatch.errors import CaseStateError, ForbiddenError, InputError, NotFoundError
from hashmatch.store.cases import CaseFilter, CasePlace, parse_case_id
from hashmatch.store.engine import Database
from hashmatch.store.queue import read_cases
from hashmatch.store.schema import Case, utc_now
from tests.cases.making import (
    ADMINISTRATOR,
    OTHER,
    REVIEWER,
    act,
    make_match,
    row_of,
    settings_with,
    state_of,
)

FOUR_EYES = CasesSettings(four_eyes=("dismiss", "report"))


def test_all_matches_of_one_content_item_are_one_case(listed: Database) -> None:
    case = make_match(listed, entries=(1, 2))
    assert make_match(listed, entries=(1, 2, 3)) == case
    assert make_match(listed, "post/2") != case
    with listed.reading() as session:
        facts = view_case(session, case)
    assert [one["match_id"] for one in facts["matches"]] == ["1", "2", "3"]
    assert (facts["state"], facts["reopened"]) == ("open", 0)


@pytest.mark.sqlite
def test_a_match_that_is_found_again_changes_nothing(listed: Database) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.DISMISS)
    revision = row_of(listed, case).revision
    make_match(listed)
    assert (state_of(listed, case), row_of(listed, case).revision) == (
        State.FALSE_POSITIVE,
        revision,
    )


@pytest.mark.sqlite
@pytest.mark.parametrize("end", [CaseAction.DISMISS, CaseAction.CLOSE])
def test_a_new_match_opens_a_finished_case_again_and_says_why(
    listed: Database, end: CaseAction
) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.DISMISS)
    if end is CaseAction.CLOSE:
        act(listed, case, CaseAction.CLOSE)
    make_match(listed, entries=(1, 2))
    row = row_of(listed, case)
    assert (row.state, row.reopened, row.decided_at) == (State.OPEN, 1, None)
    assert row.due_at > utc_now() + timedelta(hours=23)
    with listed.reading() as session:
        last = view_case(session, case)["history"][-1]
    assert (last["what"], last["to"], last["match"]) == ("case.match", "open", 2)


@pytest.mark.sqlite
def test_a_new_match_leaves_a_case_that_was_confirmed_where_it_is(listed: Database) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.CONFIRM)
    make_match(listed, entries=(2,))
    assert state_of(listed, case) is State.CONFIRMED


def test_a_case_is_due_and_urgent_as_its_most_urgent_category(
    listed: Database, settings: Settings
) -> None:
    chosen = settings_with(
        settings,
        cases={"due_hours": 48, "categories": {"A": {"due_hours": 1, "priority": 0}}},
    )
    grave = row_of(listed, make_match(listed, "post/1", settings=chosen))
    other = row_of(listed, make_match(listed, "post/2", category="C", settings=chosen))
    now = utc_now()
    assert abs(grave.due_at - now - timedelta(hours=1)) < timedelta(minutes=1)
    assert abs(other.due_at - now - timedelta(hours=48)) < timedelta(minutes=1)
    assert (grave.priority, other.priority) == (0, 5)
    with listed.reading() as session:
        queue = [one.row.key for one in read_cases(session, CaseFilter())]
    assert queue == [grave.key, other.key]


def test_the_queue_is_paged_in_its_order_whatever_moves_meanwhile(listed: Database) -> None:
    cases = [make_match(listed, f"post/{number}") for number in range(7)]
    for case in cases[::2]:
        with listed.writing() as session:
            plan(session, case, REVIEWER, priority=1)

    def read(wanted: CaseFilter) -> list[Case]:
        with listed.reading() as session:
            return [one.row for one in read_cases(session, wanted)]

    queue = [one.key for one in read(CaseFilter())]
    paged: list[int] = []
    place: CasePlace | None = None
    while page := read(CaseFilter(limit=3, after=place)):
        paged += [one.key for one in page]
        place = CasePlace(page[-1].priority, page[-1].due_at, page[-1].key)
        with listed.writing() as session:
            plan(session, page[-1].key, REVIEWER, priority=0)
    assert paged == queue
    assert sorted(queue) == cases
    assert queue[:4] == cases[::2]


def test_cases_are_found_by_state_assignee_content_and_time(listed: Database) -> None:
    one, two, three = (make_match(listed, f"post/{number}") for number in range(3))
    act(listed, one, CaseAction.CONFIRM)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    with listed.writing() as session:
        assign(session, two, "alice", REVIEWER)
        plan(session, three, REVIEWER, due_at=past)

    def found(**wanted: object) -> list[int]:
        with listed.reading() as session:
            chosen = CaseFilter(**wanted)  # type: ignore[arg-type]
            return [row.row.key for row in read_cases(session, chosen)]

    assert found(states=("confirmed",)) == [one]
    assert found(assignee="alice") == [two]
    assert found(content_id="post/2") == [three]
    assert found(due_before=utc_now()) == [three]
    assert found(until=past) == []
    assert sorted(found(since=past)) == [one, two, three]


@pytest.mark.sqlite
def test_under_four_eyes_a_second_actor_has_to_approve(listed: Database) -> None:
    case = make_match(listed)
    done = act(listed, case, CaseAction.DISMISS, settings=FOUR_EYES)
    assert (done.needs_second_approval, done.state) == (True, State.OPEN)
    same = Actor("ALICE ", "user alice", REVIEWER.roles)
    with pytest.raises(ForbiddenError, match="somebody other than alice has to approve"):
        act(listed, case, CaseAction.DISMISS, same, settings=FOUR_EYES)
    assert state_of(listed, case) is State.OPEN
    done = act(listed, case, CaseAction.DISMISS, OTHER, settings=FOUR_EYES)
    assert (done.needs_second_approval, done.state) == (False, State.FALSE_POSITIVE)
    with listed.reading() as session:
        last = view_case(session, case)["history"][-1]
    assert (last["what"], last["by"], last["proposed_by"]) == (
        "case.dismiss",
        "token 2 (bob)",
        "alice",
    )


@pytest.mark.sqlite
def test_another_decision_or_a_new_match_ends_a_proposal(listed: Database) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.DISMISS, settings=FOUR_EYES)
    make_match(listed, entries=(2,))
    assert act(listed, case, CaseAction.DISMISS, OTHER, settings=FOUR_EYES).needs_second_approval
    act(listed, case, CaseAction.CONFIRM, settings=FOUR_EYES)
    assert row_of(listed, case).proposal == ""
    assert act(listed, case, CaseAction.DISMISS, settings=FOUR_EYES).needs_second_approval


@pytest.mark.sqlite
def test_what_another_changed_meanwhile_is_looked_at_again(listed: Database) -> None:
    case = make_match(listed)
    seen = row_of(listed, case).revision
    act(listed, case, CaseAction.REVIEW, OTHER, revision=seen)
    with pytest.raises(CaseStateError, match="was changed meanwhile"):
        act(listed, case, CaseAction.CONFIRM, revision=seen)


@pytest.mark.sqlite
@pytest.mark.parametrize("action", [CaseAction.DISMISS, CaseAction.REOPEN, CaseAction.REPORTED])
def test_some_decisions_need_a_note(listed: Database, action: CaseAction) -> None:
    case = make_match(listed)
    if action is not CaseAction.DISMISS:
        act(listed, case, CaseAction.CONFIRM)
    with pytest.raises(InputError, match="note"):
        act(listed, case, action, note="  ")
    act(listed, case, action, note="a logo")
    with listed.reading() as session:
        assert view_case(session, case)["notes"][-1]["text"] == "a logo"


def test_many_cases_are_done_each_by_itself(listed: Database) -> None:
    cases = [make_match(listed, f"post/{number}") for number in range(3)]
    act(listed, cases[1], CaseAction.CONFIRM)
    results = act_on_each(
        listed,
        [*cases, 99, cases[0]],
        REVIEWER,
        _assign_and_review,
    )
    assert [type(one) for one in results] == [ActionDone, ActionFailed, ActionDone, ActionFailed]
    errors = [type(one.error) for one in results if isinstance(one, ActionFailed)]
    assert errors == [CaseStateError, NotFoundError]
    assert [state_of(listed, one) for one in cases] == ["in_review", "confirmed", "in_review"]
    assert [row_of(listed, one).assignee for one in cases] == ["alice", "", "alice"]


def _assign_and_review(session: Session, case: int) -> ActionDone:
    assign(session, case, "alice", REVIEWER)
    return decide(session, Settings(), case, CaseAction.REVIEW, REVIEWER)


def test_two_who_decide_at_once_do_not_both(listed: Database) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.REVIEW)
    seen = row_of(listed, case).revision

    def run(action: CaseAction) -> bool:
        try:
            act(patient, case, action, revision=seen)
        except CaseStateError:
            return False
        return True

    with closing(Database(listed.url, busy_timeout_s=60)) as patient, ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, (CaseAction.CONFIRM, CaseAction.DISMISS)))
    assert sorted(done) == [False, True]


def test_what_makes_no_sense_is_refused(listed: Database) -> None:
    case = make_match(listed)
    with listed.writing() as session:
        with pytest.raises(InputError):
            add_note(session, case, " ", REVIEWER)
        with pytest.raises(InputError):
            assign(session, case, "a\0b", REVIEWER)
        with pytest.raises(ForbiddenError):
            hold(session, case, "order 1", REVIEWER)
        with pytest.raises(NotFoundError):
            assign(session, 99, "alice", REVIEWER)
        hold(session, case, "order 1", ADMINISTRATOR)
    for text in ("x", "", "-1", "1" * 30):
        with pytest.raises(NotFoundError):
            parse_case_id(text)
    for text in ("a\0b", "\ud800"):
        with pytest.raises(InputError):
            CaseFilter(assignee=text)


@pytest.mark.sqlite
def test_nothing_escalated_is_closed_before_somebody_was_notified(
    listed: Database, settings: Settings
) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.CONFIRM)
    desk = {"to": "webhook", "url": "https://desk.example/", "secret": {"env": "X"}}
    chosen = settings_with(settings, escalations={"desk": desk})
    with listed.writing() as session:
        escalate(session, chosen, case, "desk", REVIEWER)
    with pytest.raises(CaseStateError, match="before its escalation was delivered"):
        act(listed, case, CaseAction.CLOSE)
    act(listed, case, CaseAction.REPORTED)
    act(listed, case, CaseAction.CLOSE)


@pytest.mark.sqlite
def test_the_actor_who_decided_is_on_record(listed: Database) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.CONFIRM, Actor("jane", "user root", REVIEWER.roles))
    with listed.reading() as session:
        last = view_case(session, case)["history"][-1]
    assert (last["by"], last["actor"]) == ("user root", "jane")
