"""Routes of duties about cases: references, deadlines, measures, appeals, retention."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    ActionDone,
    Actor,
    answer_appeal,
    destroy,
    due_facts,
    end_deadline,
    impose,
    lift,
    notify_uploader,
    receive_appeal,
    refer,
    retain,
)
from hashmatch.store.duties import read_open_appeals, read_open_deadlines
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope
from ..runtime.state import state_of
from .answers import error_responses, json_answer, json_body
from .case_actions import act_in_thread, done_as_json, read_body
from .case_models import DoneAnswer
from .cases import CaseId, EscalationToken
from .duty_models import (
    AnswerBody,
    AppealBody,
    DeadlineBody,
    DueAnswer,
    LiftBody,
    MeasureBody,
    ReasonBody,
    ReferenceBody,
    RetentionBody,
)
from .matches import ReviewToken

router = APIRouter(tags=["cases"])
SeniorToken = Annotated[Token, Depends(RequireScope(Scope.SENIOR, Scope.ADMIN))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_ERRORS = error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@router.get("/v1/due", response_model=DueAnswer, responses=_ERRORS)
def due(
    request: Request,
    _: ReviewToken,
    overdue: Annotated[bool, Query(description="Only those past their due time.")] = False,  # noqa: FBT002
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Return open deadlines and appeals of all cases, those that are due first, first."""
    before = utc_now() if overdue else None
    with state_of(request).reading() as session:
        deadlines = read_open_deadlines(session, before=before, limit=limit)
        appeals = read_open_appeals(session, before=before, limit=limit)
    return json_answer(
        {
            "deadlines": [{"kind": "deadline", **due_facts(one)} for one in deadlines],
            "appeals": [{"kind": "appeal", **due_facts(one)} for one in appeals],
        }
    )


async def _done(
    request: Request, token: Token, act: Callable[[Session, Actor], ActionDone]
) -> Response:
    return json_answer(done_as_json(await act_in_thread(request, token, act)))


@router.post(
    "/v1/cases/{case}/references",
    response_model=DoneAnswer,
    openapi_extra=json_body(ReferenceBody),
    responses=_ERRORS,
)
async def add_reference(request: Request, token: EscalationToken, case: CaseId) -> Response:
    """Record the reference that an authority gave to a report of a case."""
    wanted, settings = await read_body(request, ReferenceBody), state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return refer(
            session,
            settings,
            case,
            wanted.authority,
            wanted.reference,
            actor,
            made_at=wanted.made_at,
        )

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/deadlines/{deadline}",
    response_model=DoneAnswer,
    openapi_extra=json_body(DeadlineBody),
    responses=_ERRORS,
)
async def finish_deadline(
    request: Request, token: EscalationToken, case: CaseId, deadline: Number
) -> Response:
    """Record that a deadline of a case was met, or waive it."""
    wanted = await read_body(request, DeadlineBody)

    def act(session: Session, actor: Actor) -> ActionDone:
        return end_deadline(session, case, deadline, actor, waive=wanted.waive, note=wanted.note)

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/measures",
    response_model=DoneAnswer,
    openapi_extra=json_body(MeasureBody),
    responses=_ERRORS,
)
async def add_measure(request: Request, token: EscalationToken, case: CaseId) -> Response:
    """Record a measure that the platform took on content or account."""
    wanted, settings = await read_body(request, MeasureBody), state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return impose(
            session,
            settings,
            case,
            wanted.restriction,
            actor,
            ground=wanted.ground,
            automation=wanted.automation,
            territory=wanted.territory,
            imposed_at=wanted.imposed_at,
        )

    return await _done(request, token, act)


@router.post("/v1/cases/{case}/measures/notified", response_model=DoneAnswer, responses=_ERRORS)
async def note_notified(request: Request, token: EscalationToken, case: CaseId) -> Response:
    """Record that the uploader was given the reasons of the measures in force."""
    settings = state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return notify_uploader(session, settings, case, actor)

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/measures/lifted",
    response_model=DoneAnswer,
    openapi_extra=json_body(LiftBody),
    responses=_ERRORS,
)
async def note_lifted(request: Request, token: EscalationToken, case: CaseId) -> Response:
    """Record that the platform lifted a measure, or all that are in force."""
    wanted = await read_body(request, LiftBody)

    def act(session: Session, actor: Actor) -> ActionDone:
        return lift(session, case, actor, measure=wanted.measure, note=wanted.note)

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/appeals",
    response_model=DoneAnswer,
    openapi_extra=json_body(AppealBody),
    responses=_ERRORS,
)
async def add_appeal(request: Request, token: EscalationToken, case: CaseId) -> Response:
    """Record an appeal against the decision of a case."""
    wanted, settings = await read_body(request, AppealBody), state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return receive_appeal(
            session,
            settings,
            case,
            actor,
            channel=wanted.channel,
            appellant=wanted.appellant,
            grounds=wanted.grounds,
            received_at=wanted.received_at,
        )

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/appeals/{appeal}",
    response_model=DoneAnswer,
    openapi_extra=json_body(AnswerBody),
    responses=_ERRORS,
)
async def answer(
    request: Request, token: EscalationToken, case: CaseId, appeal: Number
) -> Response:
    """Answer an appeal, with the reason."""
    wanted, settings = await read_body(request, AnswerBody), state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return answer_appeal(
            session, settings, case, appeal, wanted.answer, actor, note=wanted.note
        )

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/retention",
    response_model=DoneAnswer,
    openapi_extra=json_body(RetentionBody),
    responses=_ERRORS,
)
async def set_retention(request: Request, token: SeniorToken, case: CaseId) -> Response:
    """Set the retention class of a case."""
    wanted, settings = await read_body(request, RetentionBody), state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return retain(session, settings, case, wanted.retention_class, actor, note=wanted.note)

    return await _done(request, token, act)


@router.post(
    "/v1/cases/{case}/destroy",
    response_model=DoneAnswer,
    openapi_extra=json_body(ReasonBody),
    responses=_ERRORS,
)
async def order_destruction(request: Request, token: SeniorToken, case: CaseId) -> Response:
    """Have the vault destroy the content of a case, as an authority asked for."""
    wanted, settings = await read_body(request, ReasonBody), state_of(request).settings

    def act(session: Session, actor: Actor) -> ActionDone:
        return destroy(session, settings, case, actor, note=wanted.note)

    return await _done(request, token, act)
