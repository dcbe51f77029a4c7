"""`/v1/lists`: how the lists are, and what only an administrator may do to them."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.lists import confirm_delivery, list_facts
from hashmatch.store.tokens import Scope, Token

from .answers import json_answer, json_body, of_callers
from .authentication import RequireScope
from .bodies import receive_json
from .models import Confirmation, Confirmed, ListsAnswer, SyncStarted
from .running import running_of

router = APIRouter(tags=["lists"])

Administering = Annotated[Token, Depends(RequireScope(Scope.ADMIN))]
Named = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


@router.get("/v1/lists", response_model=ListsAnswer, responses=of_callers())
def lists(request: Request, _: Administering) -> Response:
    """Return every list with its licence, generation, entries and last sync."""
    return json_answer({"lists": list_facts(running_of(request).database)})


@router.post(
    "/v1/lists/{name}/sync",
    status_code=HTTPStatus.ACCEPTED,
    response_model=SyncStarted,
    responses=of_callers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def sync(request: Request, _: Administering, name: Named) -> Response:
    """Begin to bring a list up to date from its source, in a process of its own."""
    running_of(request).syncing.begin(name)
    return json_answer({"list": name, "state": "started"}, HTTPStatus.ACCEPTED)


@router.post(
    "/v1/lists/{name}/confirm",
    response_model=Confirmed,
    openapi_extra=json_body(Confirmation),
    responses=of_callers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def confirm(request: Request, _: Administering, name: Named) -> Response:
    """Let a delivery in that a guard held back, as 'hashmatch lists diff' shows it."""
    running = running_of(request)
    timeout_s = running.settings.service.body_timeout_s
    with running.buffers.holding() as take:
        wanted = await receive_json(request, Confirmation, timeout_s=timeout_s, take=take)
    done = await asyncio.to_thread(confirm_delivery, running.database, name, wanted.number)
    counts = {"added": done.added, "withdrawn": done.withdrawn, "changed": done.changed}
    return json_answer({"list": name, **counts})
