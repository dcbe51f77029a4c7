"""Routes of cases: the queue, decisions, escalations and uploader details."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    ActionDone,
    Actor,
    CaseAction,
    State,
    act_on_each,
    add_note,
    assign,
    case_of_match,
    case_row,
    decide,
    escalate,
    hold,
    plan,
    require_unchanged,
    show_details,
    store_details,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.store.cases import CaseFilter
from hashmatch.store.queue import read_case_page
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope, Token
from hashmatch.uploaders import open_sealer

from ..http.authentication import RequireScope, may_see_distances
from ..runtime.state import state_of
from .actors import actor_of, audit_name_of
from .answers import error_responses, json_answer, json_body
from .case_actions import act_in_thread, done_as_json, read_body
from .case_models import (
    BulkAction,
    BulkAnswer,
    CaseAnswer,
    CaseChange,
    CasesAnswer,
    DetailsBody,
    DoneAnswer,
    Escalation,
)
from .cursors import QUEUE_CURSOR, queue_cursor, queue_place
from .matches import ReviewToken
from .models import Name

router = APIRouter(tags=["cases"])
CaseId = Annotated[int, Path(ge=1, le=2**31 - 1)]
DecisionToken = Annotated[Token, Depends(RequireScope(Scope.REVIEW, Scope.SENIOR, Scope.ADMIN))]
EscalationToken = Annotated[Token, Depends(RequireScope(Scope.REVIEW))]
UploaderDetailsToken = Annotated[Token, Depends(RequireScope(Scope.SCAN, Scope.REVIEW))]
_STATE = "|".join(State)
_STATES = f"^(({_STATE})(,({_STATE})){{0,6}})?$"
MatchId = Annotated[str, Path(pattern="^[0-9]{1,18}$")]
_ERRORS = error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@router.get("/v1/cases", response_model=CasesAnswer, responses=_ERRORS)
async def cases(
    request: Request,
    _: ReviewToken,
    state: Annotated[
        str, Query(pattern=_STATES, description="One state, or several separated by commas.")
    ] = "",
    assignee: Annotated[str | None, Query(max_length=1000)] = None,
    content_id: Annotated[Name | None, Query()] = None,
    list_name: Annotated[str | None, Query(alias="list", max_length=64)] = None,
    entry_id: Annotated[str | None, Query(max_length=1000)] = None,
    overdue: Annotated[bool, Query(description="Only overdue cases.")] = False,  # noqa: FBT002
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(pattern=QUEUE_CURSOR)] = None,
) -> Response:
    """Return the queue: the most urgent first, then those that are due first.

    A page may have fewer cases than `limit`, or none, and still a `next` one: where few cases match
    a list or an entry, a page passes by some thousands of others at most.
    """
    wanted = CaseFilter(
        states=tuple(filter(None, state.split(","))),
        assignee=assignee,
        content_id=content_id,
        list_name=list_name,
        entry_id=entry_id,
        due_before=utc_now() if overdue else None,
        limit=limit,
        after=None if cursor is None else queue_place(cursor),
    )
    service = state_of(request)

    def answer() -> Response:
        with service.reading() as session:
            page = read_case_page(session, wanted)
            rows = [case_row(one) for one in page.cases]
        return json_answer({"cases": rows, "next": queue_cursor(page.following)})

    return await service.read(answer, limit)


@router.get("/v1/cases/{case}", response_model=CaseAnswer, responses=_ERRORS)
def case(
    request: Request,
    token: ReviewToken,
    case: CaseId,
    details: Annotated[bool, Query(description="Needs the scope details.")] = False,  # noqa: FBT002
) -> Response:
    """Return one case with its matches, notes and history.

    A request for its uploader details is recorded in the audit log.
    """
    service = state_of(request)
    if details and Scope.DETAILS not in token.scopes:
        raise HTTPException(HTTPStatus.FORBIDDEN, "details need a token with the scope details")
    with service.reading() as session:
        facts = view_case(session, case, show_distances=may_see_distances(token))
    if details:
        sealer = open_sealer(service.settings)
        # A transaction that writes, since the access is recorded in the audit log.
        with service.database.writing(audit_name_of(token)) as session:
            found = show_details(session, sealer, case, "service")
        facts["details"] = None if found is None else found.as_json()
    return json_answer(facts)


@router.patch(
    "/v1/cases/{case}",
    response_model=DoneAnswer,
    openapi_extra=json_body(CaseChange),
    responses=_ERRORS,
)
async def change(request: Request, token: DecisionToken, case: CaseId) -> Response:
    """Decide about a case, assign or plan it, place a legal hold, or add a note: all or nothing."""
    wanted = await read_body(request, CaseChange)
    settings = state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return _change(session, settings, case, wanted, actor)

    return json_answer(done_as_json(await act_in_thread(request, token, act)))


def _change(
    session: Session, settings: Settings, case: int, wanted: CaseChange, actor: Actor
) -> ActionDone:
    """Make all requested changes of a case. Raises `InputError` where there are none."""
    done: ActionDone | None = None
    if wanted.revision is not None:
        require_unchanged(session, case, wanted.revision)
    if wanted.decision is not None:
        action = CaseAction(wanted.decision)
        done = decide(session, settings, case, action, actor, note=wanted.note)
    elif wanted.note:
        done = add_note(session, case, wanted.note, actor)
    if wanted.assignee is not None:
        done = _latest(done, assign(session, case, wanted.assignee, actor))
    if wanted.due_at is not None or wanted.priority is not None:
        planned = plan(session, case, actor, due_at=wanted.due_at, priority=wanted.priority)
        done = _latest(done, planned)
    if wanted.legal_hold is not None:
        done = _latest(done, hold(session, case, wanted.legal_hold, actor))
    if done is None:
        raise InputError("the body has no change to make", hint="See /docs.")
    return done


def _latest(earlier: ActionDone | None, later: ActionDone) -> ActionDone:
    """Return the result of several actions: the one that needs second approval, else the last."""
    return earlier if earlier is not None and earlier.needs_second_approval else later


@router.post(
    "/v1/cases/{case}/escalate",
    response_model=DoneAnswer,
    openapi_extra=json_body(Escalation),
    responses=_ERRORS,
)
async def escalation(request: Request, token: EscalationToken, case: CaseId) -> Response:
    """Escalate a case to a target of the configuration; the outbox sends it."""
    wanted = await read_body(request, Escalation)
    settings = state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return escalate(
            session,
            settings,
            case,
            wanted.to,
            actor,
            note=wanted.note,
            revision=wanted.revision,
            again=wanted.again,
        )

    return json_answer(done_as_json(await act_in_thread(request, token, act)))


@router.post(
    "/v1/cases/actions",
    response_model=BulkAnswer,
    openapi_extra=json_body(BulkAction),
    responses=_ERRORS,
)
async def actions(request: Request, token: DecisionToken) -> Response:
    """Take the same action on many cases, each by itself; the answer has the result of each."""
    wanted = await read_body(request, BulkAction)
    service, actor = state_of(request), actor_of(token)
    act: Callable[[Session, int], ActionDone]
    if wanted.escalate_to is not None:
        target = wanted.escalate_to

        def act(session: Session, case: int) -> ActionDone:
            return escalate(
                session,
                service.settings,
                case,
                target,
                actor,
                note=wanted.note,
                again=wanted.again,
            )
    else:
        change = wanted.as_change()

        def act(session: Session, case: int) -> ActionDone:
            return _change(session, service.settings, case, change, actor)

    results = await asyncio.to_thread(act_on_each, service.database, wanted.cases, actor, act)
    return json_answer({"results": [done_as_json(one) for one in results]})


@router.put(
    "/v1/matches/{match_id}/details",
    response_model=DoneAnswer,
    openapi_extra=json_body(DetailsBody),
    responses=_ERRORS,
)
async def send_details(
    request: Request, token: UploaderDetailsToken, match_id: MatchId
) -> Response:
    """Store the uploader details of a match, encrypted."""
    wanted = await read_body(request, DetailsBody)
    sealer = open_sealer(state_of(request).settings)

    def act(session: Session, actor: Actor) -> ActionDone:
        case = case_of_match(session, match_id)
        return store_details(session, sealer, case, wanted, actor)

    return json_answer(done_as_json(await act_in_thread(request, token, act)))
