"""Routes of lists, for those who keep them: their status, syncs and quarantined deliveries."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.lists import accept_delivery, list_facts, reject_delivery
from hashmatch.store.tokens import Scope, Token
from hashmatch.wiring import open_policy

from ..http.authentication import RequireScope
from ..http.bodies import receive_json
from ..runtime.state import state_of
from .actors import audit_name_of
from .answers import error_responses, json_answer, json_body
from .models import (
    AcceptedDelivery,
    DeliveryNumber,
    ListsAnswer,
    RejectedDelivery,
    SyncStarted,
)

router = APIRouter(tags=["lists"])
ListsToken = Annotated[Token, Depends(RequireScope(Scope.LISTS, Scope.ADMIN))]
ListsReader = Annotated[Token, Depends(RequireScope(Scope.LISTS, Scope.ADMIN, Scope.AUDIT))]
ListPath = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


@router.get("/v1/lists", response_model=ListsAnswer, responses=error_responses())
def lists(request: Request, _: ListsReader) -> Response:
    """Return every list with its licence, generation, entries and last sync."""
    service = state_of(request)
    return json_answer({"lists": list_facts(service.database, open_policy(service.settings))})


@router.post(
    "/v1/lists/{name}/sync",
    status_code=HTTPStatus.ACCEPTED,
    response_model=SyncStarted,
    responses=error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def sync(request: Request, _: ListsToken, name: ListPath) -> Response:
    """Start a sync of a list, in a process of its own."""
    state_of(request).sync_runner.start(name)
    return json_answer({"list": name, "state": "started"}, HTTPStatus.ACCEPTED)


@router.post(
    "/v1/lists/{name}/accept",
    response_model=AcceptedDelivery,
    openapi_extra=json_body(DeliveryNumber),
    responses=error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def accept(request: Request, token: ListsToken, name: ListPath) -> Response:
    """Accept and apply a quarantined delivery, as 'hashmatch lists diff' shows it."""
    number = await _read_number(request)
    accepting = partial(accept_delivery, actor=audit_name_of(token))
    done = await asyncio.to_thread(accepting, state_of(request).database, name, number)
    counts = {"added": done.added, "withdrawn": done.withdrawn, "changed": done.changed}
    return json_answer({"list": name, **counts})


@router.post(
    "/v1/lists/{name}/reject",
    response_model=RejectedDelivery,
    openapi_extra=json_body(DeliveryNumber),
    responses=error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def reject(request: Request, token: ListsToken, name: ListPath) -> Response:
    """Reject a quarantined delivery; the list is unchanged."""
    number = await _read_number(request)
    rejecting = partial(reject_delivery, actor=audit_name_of(token))
    await asyncio.to_thread(rejecting, state_of(request).database, name, number)
    return json_answer({"list": name, "number": number})


async def _read_number(request: Request) -> int:
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    with service.buffers.reserve() as take:
        wanted = await receive_json(request, DeliveryNumber, timeout_s=timeout_s, take=take)
    return wanted.number
