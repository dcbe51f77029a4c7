"""States of cases as a table: every state, every action, every role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import pytest
from sqlalchemy.orm import Session

from hashmatch.cases import (
    ROLES,
    TRANSITIONS,
    ActionDone,
    Actor,
    Automation,
    CaseAction,
    Ground,
    Restriction,
    Role,
    State,
    add_note,
    assign,
    decide,
    destroy,
    escalate,
    hold,
    impose,
    plan,
    receive_appeal,
    refer,
    retain,
    store_details,
)
from hashmatch.cases.states import following, require_role
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError
from hashmatch.store.engine import Database
from hashmatch.store.schema import Case, RetentionClass, utc_now
from hashmatch.uploaders import Details, Sealer, make_detail_key
from tests.cases.making import make_match, settings_with

O, R, C, F, E, P, X = State  # noqa: E741 (as narrow as the table)

# Where each action leads from open, in review, confirmed, false positive, escalated, reported and
# closed; None where it is refused.
TABLE: Mapping[CaseAction, tuple[State | None, ...]] = {
    CaseAction.ASSIGN: (O, R, C, F, E, P, None),
    CaseAction.PLAN: (O, R, C, None, E, None, None),
    CaseAction.NOTE: (O, R, C, F, E, P, X),
    CaseAction.DETAIL: (O, R, C, F, E, P, None),
    CaseAction.REVIEW: (R, None, None, None, None, None, None),
    CaseAction.CONFIRM: (C, C, None, None, None, None, None),
    CaseAction.DISMISS: (F, F, F, None, None, None, None),
    CaseAction.ESCALATE: (None, None, E, None, E, P, None),
    CaseAction.REPORT: (None, None, E, None, E, None, None),
    CaseAction.CLOSE: (None, None, None, X, X, X, None),
    CaseAction.REOPEN: (None, None, O, O, O, O, O),
    CaseAction.HOLD: (O, R, C, F, E, P, X),
    CaseAction.RELEASE: (O, R, C, F, E, P, X),
    CaseAction.MATCH: (O, R, C, O, E, P, O),
    CaseAction.CONTENT: (O, R, O, O, O, O, O),
    CaseAction.REPORTED: (O, R, P, F, P, P, X),
    CaseAction.RETRACT: (O, R, C, F, E, P, X),
    CaseAction.SETTLE: (O, R, C, F, E, P, X),
    CaseAction.UNDELIVERED: (O, R, C, F, C, P, X),
    CaseAction.CONTRIBUTE: (None, None, C, None, E, P, X),
    CaseAction.REFER: (O, R, C, F, E, P, X),
    CaseAction.DEADLINE: (O, R, C, F, E, P, X),
    CaseAction.MEASURE: (O, R, C, F, E, P, X),
    CaseAction.APPEAL: (O, R, C, F, E, P, X),
    CaseAction.ANSWER: (O, R, C, F, E, P, X),
    CaseAction.REVERSE: (F, F, F, None, F, F, F),
    CaseAction.RETAIN: (O, R, C, F, E, P, X),
    CaseAction.DESTROY: (O, R, C, F, E, P, X),
}
MAY: Mapping[CaseAction, set[str]] = {
    **{action: {"review"} for action in CaseAction},
    CaseAction.DETAIL: {"scan", "review"},
    CaseAction.HOLD: {"senior", "admin"},
    CaseAction.RELEASE: {"senior", "admin"},
    CaseAction.MATCH: {"system"},
    CaseAction.CONTENT: {"system"},
    CaseAction.REPORTED: {"system", "review"},
    CaseAction.RETRACT: {"senior", "admin"},
    CaseAction.SETTLE: {"senior", "admin"},
    CaseAction.UNDELIVERED: {"system"},
    CaseAction.CONTRIBUTE: {"senior", "admin"},
    CaseAction.RETAIN: {"senior", "admin"},
    CaseAction.DESTROY: {"senior", "admin"},
}


def test_the_table_has_every_state_action_and_role() -> None:
    assert TABLE.keys() == TRANSITIONS.keys() == ROLES.keys() == set(CaseAction)
    assert all(len(row) == len(State) for row in TABLE.values())


@pytest.mark.parametrize(("state", "action"), list(product(State, CaseAction)))
def test_each_action_leads_where_the_table_says(state: State, action: CaseAction) -> None:
    expected = TABLE[action][list(State).index(state)]
    if expected is None:
        with pytest.raises(
            CaseStateError, match=f"{action} is not possible on a case in the state {state}"
        ):
            following(state, action)
    else:
        assert following(state, action) is expected


@pytest.mark.parametrize(("role", "action"), list(product(Role, CaseAction)))
def test_each_action_is_for_the_roles_of_the_table(role: Role, action: CaseAction) -> None:
    if role.value in MAY[action]:
        require_role(action, frozenset({role}))
    else:
        with pytest.raises(ForbiddenError):
            require_role(action, frozenset({role}))


class _UndoneError(Exception):
    """Undoes a transaction."""


def _ways(settings: Settings) -> Mapping[CaseAction, Callable[[Session, int, Actor], ActionDone]]:
    """Return how an actor takes each action that needs nothing else."""
    sealer = Sealer({"key": make_detail_key()})
    ways: dict[CaseAction, Callable[[Session, int, Actor], ActionDone]] = {
        CaseAction.ASSIGN: lambda s, c, p: assign(s, c, "bob", p),
        CaseAction.PLAN: lambda s, c, p: plan(s, c, p, priority=1),
        CaseAction.NOTE: lambda s, c, p: add_note(s, c, "seen", p),
        CaseAction.DETAIL: lambda s, c, p: store_details(s, sealer, c, Details(), p),
        CaseAction.ESCALATE: lambda s, c, p: escalate(s, settings, c, "desk", p),
        CaseAction.REPORT: lambda s, c, p: escalate(s, settings, c, "ncmec", p),
        CaseAction.HOLD: lambda s, c, p: hold(s, c, "order 1", p),
        CaseAction.RELEASE: lambda s, c, p: hold(s, c, "", p),
        CaseAction.REFER: lambda s, c, p: refer(s, settings, c, "NCA", "r1", p),
        CaseAction.MEASURE: lambda s, c, p: impose(
            s, settings, c, Restriction.REMOVAL, p, ground=Ground.TERMS, automation=Automation.NONE
        ),
        CaseAction.APPEAL: lambda s, c, p: receive_appeal(s, settings, c, p),
        CaseAction.RETAIN: lambda s, c, p: retain(
            s, settings, c, RetentionClass.REPORT, p, note="because"
        ),
        CaseAction.DESTROY: lambda s, c, p: destroy(s, settings, c, p, note="an order"),
    }
    for one in ("review", "confirm", "dismiss", "reported", "close", "reopen"):
        ways[CaseAction(one)] = lambda s, c, p, one=one: decide(  # type: ignore[misc]
            s, settings, c, CaseAction(one), p, note="because"
        )
    return ways


@pytest.mark.sqlite
def test_what_actors_do_keeps_to_the_table(listed: Database, settings: Settings) -> None:
    """Every state × action × role through the functions that commands and calls use."""
    case = make_match(listed)
    settings = settings_with(
        settings,
        cases={"vault": {"url": "https://vault.example/", "secret": {"env": "X"}}},
        escalations={
            "desk": {"to": "webhook", "url": "https://desk.example/", "secret": {"env": "X"}},
            "ncmec": {
                "to": "cybertipline",
                "username": "u",
                "password": {"env": "X"},
                "reporter": {"email": "a@b.example"},
            },
        },
    )
    ways = _ways(settings)
    assert set(CaseAction) - ways.keys() == {
        CaseAction.MATCH,
        CaseAction.CONTENT,
        CaseAction.RETRACT,
        CaseAction.SETTLE,
        CaseAction.UNDELIVERED,
        CaseAction.CONTRIBUTE,
        # They are about a deadline or an appeal that is there.
        CaseAction.DEADLINE,
        CaseAction.ANSWER,
        CaseAction.REVERSE,
    }
    wrong = []
    for state, action, role in product(State, ways, Role):
        expected = TABLE[action][list(State).index(state)]
        if role.value not in MAY[action]:
            expected = None
        found: State | None = None
        try:
            with listed.writing() as session:
                row = session.get_one(Case, case)
                row.state, row.notified_at = state, utc_now()
                session.flush()
                try:
                    ways[action](session, case, Actor("alice", "test", frozenset({role})))
                    found = State(session.get_one(Case, case).state)
                except (CaseStateError, ForbiddenError):
                    pass
                raise _UndoneError
        except _UndoneError:
            pass
        if found is not expected:
            wrong.append((state, action, role, found))
    assert wrong == []
