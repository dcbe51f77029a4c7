"""Routes of notices: requests to remove intimate images, from the form to the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import Actor
from hashmatch.errors import InputError
from hashmatch.notices import (
    NoticeDone,
    NoticeRequest,
    NoticeSupplement,
    Registered,
    close_notice,
    notice_row,
    record_work,
    register_notice,
    reopen_notice,
    show_contact,
    supplement_notice,
    view_notice,
)
from hashmatch.store.notices import (
    CLOSED,
    WAITING,
    NoticeFilter,
    find_notice,
    read_notice_page,
)
from hashmatch.store.schema import NoticeState, utc_now
from hashmatch.store.tokens import Scope, Token
from hashmatch.uploaders import open_sealer

from ..http.authentication import RequireScope
from ..http.bodies import receive_json
from ..runtime.state import state_of
from .actors import actor_of, audit_name_of
from .answers import error_responses, json_answer, json_body
from .cursors import NOTICE_CURSOR, notice_cursor, notice_place
from .matches import ReviewToken
from .models import Name
from .notice_models import (
    ContactAnswer,
    NoticeAnswer,
    NoticeClosing,
    NoticeDoneAnswer,
    NoticesAnswer,
    NoticeWork,
    RegisteredAnswer,
)

router = APIRouter(tags=["notices"])
Body = TypeVar("Body", bound=BaseModel)
Done = TypeVar("Done")
_STATE = "|".join(NoticeState)
_STATES = f"^(({_STATE})(,({_STATE})){{0,5}})?$"
RequestId = Annotated[str, Path(pattern="^NR(-[0-9A-Z]{4}){3}$")]
SenderToken = Annotated[Token, Depends(RequireScope(Scope.SCAN, Scope.REVIEW))]
WorkToken = Annotated[Token, Depends(RequireScope(Scope.REVIEW))]
ContactToken = Annotated[Token, Depends(RequireScope(Scope.DETAILS))]
_ERRORS = error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
# Models of the bodies that routes read by themselves.
BODIES = (NoticeRequest, NoticeSupplement, NoticeWork, NoticeClosing)
_NEW: dict[int | str, dict[str, Any]] = {
    201: {"model": RegisteredAnswer, "description": "Recorded"}
}


@router.post(
    "/v1/notices",
    response_model=RegisteredAnswer,
    openapi_extra=json_body(NoticeRequest),
    responses={**_ERRORS, **_NEW},
)
async def add(request: Request, token: SenderToken) -> Response:
    """Record a request that the platform received, once for each `reference`.

    The answer says whether the request is valid, and which parts it lacks. It is 201, and 200 where
    the same request came again. Names and contacts are stored encrypted.
    """
    wanted = await _read(request, NoticeRequest)
    if wanted.reference is None:
        raise InputError("body.reference: is needed, so that a repeated call is recognised")
    settings = state_of(request).settings
    found = await _act(request, token, lambda s, a: register_notice(s, settings, wanted, a))
    return json_answer(_registered(found), HTTPStatus.CREATED if found.is_new else HTTPStatus.OK)


@router.get("/v1/notices", response_model=NoticesAnswer, responses=_ERRORS)
async def notices(
    request: Request,
    _: ReviewToken,
    state: Annotated[
        str, Query(pattern=_STATES, description="One state, or several separated by commas.")
    ] = "",
    content_id: Annotated[Name | None, Query()] = None,
    overdue: Annotated[bool, Query(description="Only overdue notices.")] = False,  # noqa: FBT002
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(pattern=NOTICE_CURSOR)] = None,
) -> Response:
    """Return the register: what is due next first, then what lacks a part, then what is closed.

    Without a `state`, those that are open; with a `content_id`, those of every state.
    """
    service, now = state_of(request), utc_now()
    chosen = tuple(NoticeState(one) for one in state.split(",") if one)
    wanted = NoticeFilter(
        states=chosen or ((*WAITING, *CLOSED) if content_id is not None else WAITING),
        content_id=content_id,
        due_before=now if overdue else None,
        limit=limit,
        after=None if cursor is None else notice_place(cursor),
    )

    def answer() -> Response:
        with service.reading() as session:
            page = read_notice_page(session, wanted)
            rows = [notice_row(one, service.settings.notices, now) for one in page.notices]
        return json_answer({"notices": rows, "next": notice_cursor(page.following)})

    return await service.read(answer, limit)


@router.get("/v1/notices/{request_id}", response_model=NoticeAnswer, responses=_ERRORS)
def notice(request: Request, _: ReviewToken, request_id: RequestId) -> Response:
    """Return one notice with the places of its image and its history, without its requester."""
    service = state_of(request)
    with service.reading() as session:
        return json_answer(view_notice(session, service.settings.notices, request_id, utc_now()))


@router.post(
    "/v1/notices/{request_id}/parts",
    response_model=RegisteredAnswer,
    openapi_extra=json_body(NoticeSupplement),
    responses=_ERRORS,
)
async def supplement(request: Request, token: SenderToken, request_id: RequestId) -> Response:
    """Add parts that a request lacked; the clock runs once none is missing."""
    wanted = await _read(request, NoticeSupplement)
    settings = state_of(request).settings
    found = await _act(
        request, token, lambda s, a: supplement_notice(s, settings, request_id, wanted, a)
    )
    return json_answer(_registered(found))


@router.patch(
    "/v1/notices/{request_id}",
    response_model=NoticeDoneAnswer,
    openapi_extra=json_body(NoticeWork),
    responses=_ERRORS,
)
async def work(request: Request, token: WorkToken, request_id: RequestId) -> Response:
    """Record what was done: removals, copies, entries of own lists, that the requester knows."""
    wanted = await _read(request, NoticeWork)
    done = await _act(request, token, lambda s, a: record_work(s, request_id, wanted.as_work(), a))
    return json_answer(_done(done))


@router.post(
    "/v1/notices/{request_id}/close",
    response_model=NoticeDoneAnswer,
    openapi_extra=json_body(NoticeClosing),
    responses=_ERRORS,
)
async def close(request: Request, token: WorkToken, request_id: RequestId) -> Response:
    """Close a notice with its outcome, or open it again: `reopened`, with a note."""
    wanted = await _read(request, NoticeClosing)

    def act(session: Session, actor: Actor) -> NoticeDone:
        if wanted.outcome == "reopened":
            return reopen_notice(session, request_id, wanted.note, actor)
        return close_notice(session, request_id, wanted.as_closing(), actor)

    return json_answer(_done(await _act(request, token, act)))


@router.get("/v1/notices/{request_id}/contact", response_model=ContactAnswer, responses=_ERRORS)
def contact(request: Request, token: ContactToken, request_id: RequestId) -> Response:
    """Return who made a request; the audit log records it."""
    service = state_of(request)
    sealer = open_sealer(service.settings)
    # A transaction that writes, since the access is recorded in the audit log.
    with service.database.writing(audit_name_of(token)) as session:
        found = show_contact(session, sealer, request_id, "service")
        reference = find_notice(session, request_id).reference
    requester = None if found is None else found.as_json()
    return json_answer({"request_id": request_id, "reference": reference, "requester": requester})


async def _read(request: Request, model: type[Body]) -> Body:
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    # Only now: a body is not read before its token was checked.
    with service.buffers.reserve() as take:
        return await receive_json(request, model, timeout_s=timeout_s, take=take)


async def _act(request: Request, token: Token, act: Callable[[Session, Actor], Done]) -> Done:
    """Take an action in one transaction, in a thread: the database blocks."""
    actor, database = actor_of(token), state_of(request).database

    def act_now() -> Done:
        with database.writing(actor.audit_name) as session:
            return act(session, actor)

    return await asyncio.to_thread(act_now)


def _registered(found: Registered) -> Mapping[str, Any]:
    return {
        "request_id": found.request_id,
        "reference": found.reference,
        "state": found.state,
        "missing": list(found.missing),
        "received_at": _text(found.received_at),
        "completed_at": _text(found.completed_at),
        "due_at": _text(found.due_at),
    }


def _done(done: NoticeDone) -> Mapping[str, Any]:
    return {"request_id": done.request_id, "state": done.state}


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
