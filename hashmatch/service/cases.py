"""`/v1/cases`: the queue, and what reviewers decide about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    CaseAction,
    Done,
    Person,
    State,
    add_note,
    assign,
    case_of_match,
    case_row,
    decide,
    escalate,
    give_details,
    hold,
    on_each,
    plan,
    require_unchanged,
    show_details,
    view_case,
)
from hashmatch.details import open_sealer
from hashmatch.errors import InputError
from hashmatch.store.cases import CaseFilter, CasePlace, read_cases
from hashmatch.store.schema import Case, utc_now
from hashmatch.store.tokens import Scope, Token

from .answers import json_answer, json_body, of_callers
from .authentication import RequireScope
from .bodies import receive_json
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
from .models import Name
from .people import actor_of, person_of
from .records import Reviewing
from .running import running_of

router = APIRouter(tags=["cases"])

Body = TypeVar("Body", bound=BaseModel)
CaseId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Acting = Annotated[Token, Depends(RequireScope(Scope.REVIEW, Scope.ADMIN))]
Telling = Annotated[Token, Depends(RequireScope(Scope.SCAN, Scope.REVIEW))]
_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_CURSOR = "^[0-9][.][0-9]{1,17}[.][0-9]{1,18}$"
_STATE = "|".join(State)
_STATES = f"^(({_STATE})(,({_STATE})){{0,6}})?$"
_ERRORS = of_callers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@router.get("/v1/cases", response_model=CasesAnswer, responses=_ERRORS)
def cases(
    request: Request,
    _: Reviewing,
    state: Annotated[str, Query(pattern=_STATES, description="One, or several with commas.")] = "",
    assignee: Annotated[str | None, Query(max_length=1000)] = None,
    content_id: Annotated[Name | None, Query()] = None,
    overdue: Annotated[bool, Query(description="Only cases that are due.")] = False,  # noqa: FBT002
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(pattern=_CURSOR)] = None,
) -> Response:
    """Return the queue: the most urgent first, then what is due first."""
    wanted = CaseFilter(
        states=tuple(filter(None, state.split(","))),
        assignee=assignee,
        content_id=content_id,
        due_before=utc_now() if overdue else None,
        limit=limit,
        after=None if cursor is None else _place(cursor),
    )
    with running_of(request).database.reading() as session:
        found = list(read_cases(session, wanted))
    following = _cursor(found[-1].row) if len(found) == limit else None
    return json_answer({"cases": [case_row(one) for one in found], "next": following})


def _cursor(row: Case) -> str:
    """Return where in the queue a case stands, which may change before the next page is asked."""
    since = (row.due_at - _EPOCH) // timedelta(microseconds=1)
    return f"{row.priority}.{since}.{row.key}"


def _place(cursor: str) -> CasePlace:
    priority, since, key = map(int, cursor.split("."))
    return CasePlace(priority, _EPOCH + timedelta(microseconds=since), key)


@router.get("/v1/cases/{case}", response_model=CaseAnswer, responses=_ERRORS)
def case(
    request: Request,
    token: Reviewing,
    case: CaseId,
    details: Annotated[bool, Query(description="Needs the scope details.")] = False,  # noqa: FBT002
) -> Response:
    """Return one case with its matches, notes and history.

    Whoever asks for the details of its uploader goes on record.
    """
    running = running_of(request)
    if details and Scope.DETAILS not in token.scopes:
        raise HTTPException(HTTPStatus.FORBIDDEN, "details need a token with the scope details")
    with running.database.reading() as session:
        facts = view_case(session, case)
    if details:
        sealer = open_sealer(running.settings)
        with running.database.writing(actor_of(token)) as session:
            found = show_details(session, sealer, case, "service")
        facts["details"] = None if found is None else found.as_json()
    return json_answer(facts)


@router.patch(
    "/v1/cases/{case}",
    response_model=DoneAnswer,
    openapi_extra=json_body(CaseChange),
    responses=_ERRORS,
)
async def change(request: Request, token: Acting, case: CaseId) -> Response:
    """Decide about a case, assign, plan or hold it, or say something about it: all or nothing."""
    wanted = await _read(request, CaseChange)
    settings = running_of(request).settings.cases

    def act(session: Session, person: Person) -> Done:
        return _change(session, settings, case, wanted, person)

    return json_answer(_told(await _act(request, token, act)))


def _change(session: Session, settings: Any, case: int, wanted: CaseChange, person: Person) -> Done:
    """Do all that is wanted of a case."""
    done: Done | None = None
    if wanted.change is not None:
        require_unchanged(session, case, wanted.change)
    if wanted.decision is not None:
        action = CaseAction(wanted.decision)
        done = decide(session, settings, case, action, person, note=wanted.note)
    elif wanted.note:
        done = add_note(session, case, wanted.note, person)
    if wanted.assignee is not None:
        done = _latest(done, assign(session, case, wanted.assignee, person))
    if wanted.due_at is not None or wanted.priority is not None:
        planned = plan(session, case, person, due_at=wanted.due_at, priority=wanted.priority)
        done = _latest(done, planned)
    if wanted.hold is not None:
        done = _latest(done, hold(session, case, wanted.hold, person))
    if done is None:
        raise InputError("the body says nothing to do", hint="See /docs.")
    return done


def _latest(earlier: Done | None, later: Done) -> Done:
    """Return what came of several actions, of which one may wait for another person."""
    return earlier if earlier is not None and earlier.waits_for_another else later


@router.post(
    "/v1/cases/{case}/escalate",
    response_model=DoneAnswer,
    openapi_extra=json_body(Escalation),
    responses=_ERRORS,
)
async def escalation(request: Request, token: Reviewing, case: CaseId) -> Response:
    """Hand a case over to an escalation of the configuration; the outbox sends it."""
    wanted = await _read(request, Escalation)
    settings = running_of(request).settings

    def act(session: Session, person: Person) -> Done:
        return escalate(
            session,
            settings,
            case,
            wanted.to,
            person,
            note=wanted.note,
            change=wanted.change,
            again=wanted.again,
        )

    return json_answer(_told(await _act(request, token, act)))


@router.post(
    "/v1/cases/actions",
    response_model=BulkAnswer,
    openapi_extra=json_body(BulkAction),
    responses=_ERRORS,
)
async def actions(request: Request, token: Acting) -> Response:
    """Do the same to many cases, each by itself; the answer says what came of each."""
    wanted = await _read(request, BulkAction)
    running, person = running_of(request), person_of(token)
    act: Callable[[Session, int], Done]
    if wanted.escalate_to is not None:
        target = wanted.escalate_to

        def act(session: Session, case: int) -> Done:
            return escalate(
                session,
                running.settings,
                case,
                target,
                person,
                note=wanted.note,
                again=wanted.again,
            )
    else:
        change = wanted.as_change()

        def act(session: Session, case: int) -> Done:
            return _change(session, running.settings.cases, case, change, person)

    results = await asyncio.to_thread(on_each, running.database, wanted.cases, person, act)
    return json_answer({"results": [_told(one) for one in results]})


@router.put(
    "/v1/matches/{match_id}/details",
    response_model=DoneAnswer,
    openapi_extra=json_body(DetailsBody),
    responses=_ERRORS,
)
async def tell_details(
    request: Request, token: Telling, match_id: Annotated[str, Path(pattern="^[0-9]{1,18}$")]
) -> Response:
    """Keep who uploaded what matched and from where: encrypted, and only of what matched."""
    wanted = await _read(request, DetailsBody)
    sealer = open_sealer(running_of(request).settings)

    def act(session: Session, person: Person) -> Done:
        case = case_of_match(session, match_id)
        return give_details(session, sealer, case, wanted, person)

    return json_answer(_told(await _act(request, token, act)))


async def _read(request: Request, model: type[Body]) -> Body:
    running = running_of(request)
    timeout_s = running.settings.service.body_timeout_s
    with running.buffers.holding() as take:
        return await receive_json(request, model, timeout_s=timeout_s, take=take)


async def _act(request: Request, token: Token, act: Callable[[Session, Person], Done]) -> Done:
    """Act on a case in one transaction."""
    person = person_of(token)
    return await asyncio.to_thread(partial(_act_now, running_of(request).database, person, act))


def _act_now(database: Any, person: Person, act: Callable[[Session, Person], Done]) -> Done:
    with database.writing(person.actor) as session:
        return act(session, person)


def _told(done: Done) -> dict[str, Any]:
    problem = None if done.problem is None else done.problem.message
    return {
        "case": done.case,
        "state": None if problem else done.state,
        "waits_for_another": done.waits_for_another,
        "problem": problem,
    }
