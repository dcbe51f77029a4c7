"""Routes of contributions: hashes of confirmed cases that go into own lists, with two people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    GENERATED,
    ROLES,
    TRANSITIONS,
    CaseAction,
    State,
    approve_contribution,
    contribute,
    parse_classification,
    reject_contribution,
    withdraw_contribution,
)
from hashmatch.errors import InputError
from hashmatch.store.cases import read_case
from hashmatch.store.lists import OWN, read_lists
from hashmatch.store.schema import ContributionState, ReviewResult
from hashmatch.store.sharing import ContributionFacts, read_contributions
from hashmatch.store.tokens import Scope

from ..api.cases import CaseId
from ..runtime.state import state_of
from .forms import Fields, RequireForm, RequirePerson, Submission
from .pages import LIST_READERS, go, page
from .people import Person

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*LIST_READERS))]
# As the action `contribute` on a case takes a senior reviewer or an administrator.
Contributing = Annotated[Submission, Depends(RequireForm(Scope.SENIOR, Scope.ADMIN))]
Number = Annotated[int, Path(ge=1, le=2**62)]
_ROWS, _OF_A_CASE = 50, 20
_ALL = "all"


@router.get("/contributions")
def contributions(
    request: Request,
    person: Reader,
    state: Annotated[str, Query(max_length=16)] = ContributionState.PROPOSED,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """Show contributions in a state, by default those that wait for a second person."""
    if state != _ALL and state not in list(ContributionState):
        raise InputError("state: there is no such choice")
    chosen = None if state == _ALL else ContributionState(state)
    with state_of(request).reading() as session:
        rows = read_contributions(session, state=chosen, before=before, limit=_ROWS)
    facts = {
        "rows": rows,
        "state": state,
        "STATES": [one.value for one in ContributionState],
        "following": rows[-1].number if len(rows) == _ROWS else None,
        "may_decide": person.may(Scope.SENIOR, Scope.ADMIN),
        "sees_cases": person.may(Scope.REVIEW, Scope.SENIOR, Scope.ADMIN, Scope.AUDIT),
    }
    return page(request, "contributions", facts)


@router.post("/contributions/{number}")
def decide(request: Request, sent: Contributing, number: Number) -> Response:
    """Agree to a contribution, reject it, or withdraw it."""
    service, fields, actor = state_of(request), sent.fields, sent.person.actor
    with service.database.writing(sent.person.audit_name) as session:
        match fields.text("decision"):
            case "approve":
                approve_contribution(session, number, actor)
            case "reject":
                reject_contribution(session, number, actor)
            case "withdraw":
                withdraw_contribution(session, number, actor)
            case _:
                raise InputError("decision: there is no such choice")
    if fields.text("decision") != "reject":
        service.follow_lists()
    state = fields.text("state")
    chosen = state if state in (*ContributionState, _ALL) else ""
    return go("/contributions", state=chosen, done="done")


@router.post("/cases/{case}/contribute")
def contribute_case(request: Request, sent: Contributing, case: CaseId) -> Response:
    """Add the hashes of a confirmed case to an own list, or propose to."""
    service, fields = state_of(request), sent.fields
    lines = [one.strip() for one in fields.text("classification").splitlines() if one.strip()]
    facts = ContributionFacts(
        fields.text("category"),
        parse_classification(lines),
        fields.text("jurisdiction"),
        fields.text("basis"),
        _generated(fields),
        fields.text("note"),
    )
    evidence = fields.optional_number("evidence")
    with service.database.writing(sent.person.audit_name) as session:
        done = contribute(
            session,
            service.settings,
            case,
            fields.text("list"),
            sent.person.actor,
            facts,
            evidence=evidence,
        )
    if not done.needs_second_person:
        service.follow_lists()
    word = "proposed" if done.needs_second_person else "done"
    return go(f"/cases/{case}", **{"from": fields.text("from"), "done": word})


def _generated(fields: Fields) -> str:
    chosen = fields.text("generated") or "unknown"
    if chosen not in GENERATED:
        raise InputError("generated: there is no such choice")
    return chosen


def contribution_facts(session: Session, person: Person, case: int, state: State) -> dict[str, Any]:
    """Return what the page of a case says of contributions: those of it, and where one could go."""
    may = (
        bool(ROLES[CaseAction.CONTRIBUTE] & person.actor.roles)
        and state in TRANSITIONS[CaseAction.CONTRIBUTE]
        and read_case(session, case).row.result == ReviewResult.CONFIRMED
    )
    own = [one.name for one in read_lists(session, OWN) if one.kind == OWN] if may else []
    return {
        "contributions": read_contributions(session, case=case, limit=_OF_A_CASE),
        "own_lists": own,
        "may_contribute": may,
        "GENERATED": GENERATED,
    }
