"""Routes of exchanges: HMA's word for lists that follow a source, which is configured here.

By them a client such as Coop, which knows only the banks that it made, gets to know a list of
others: it makes an exchange for a bank of that name, and nothing is changed.
"""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.store.lists import (
    FAILED,
    OWN,
    QUARANTINED,
    ListState,
    read_lists,
    read_newest_runs,
)

from ...runtime.state import ServiceState, state_of
from ..answers import json_answer, json_body
from .banks import BANK_REFUSALS, BankPath, CurateToken, ReadToken, read_body
from .words import bank_name, refusals

router = APIRouter(tags=["HMA-compatible"])
# The one type that there is.
_API = "hashmatch"
APIPath = Annotated[str, Path(max_length=300, description="The type of exchanges.")]


class NewExchange(BaseModel):
    """An exchange to make. Other keys are ignored."""

    bank: str
    api: str


@router.get("/c/exchanges/apis", responses=refusals())
def exchange_types(_: ReadToken) -> Response:
    """Return the types of exchanges, of which there is one."""
    return json_answer([_API])


@router.get("/c/exchanges/api/{api}", responses=refusals())
def exchange_type(_: ReadToken, api: APIPath) -> Response:
    """Say that an exchange takes no credentials: the configuration has them."""
    _require_api(api)
    return json_answer({"has_set_authentification": False, "supports_authentification": False})


@router.get("/c/exchanges/api/{api}/schema", responses=refusals())
def exchange_schema(_: ReadToken, api: APIPath) -> Response:
    """Say that an exchange has no settings."""
    _require_api(api)
    return json_answer({"config_schema": {"fields": []}, "credentials_schema": None})


@router.post(
    "/c/exchanges",
    status_code=HTTPStatus.CREATED,
    responses=BANK_REFUSALS,
    openapi_extra=json_body(NewExchange),
)
async def create_exchange(request: Request, _: CurateToken) -> Response:
    """Accept an exchange for the bank of a list of others; nothing is changed."""
    wanted = await read_body(request, NewExchange)
    _require_api(wanted.api)
    await asyncio.to_thread(partial(_read, state_of(request), wanted.bank))
    return json_answer({"message": "Created successfully"}, HTTPStatus.CREATED)


@router.get("/c/exchange/{name}", responses=BANK_REFUSALS)
def exchange(request: Request, _: ReadToken, name: BankPath) -> Response:
    """Return the exchange of a bank."""
    _read(state_of(request), name)
    return json_answer({"name": name, "api": _API, "enabled": True})


@router.get("/c/exchange/{name}/status", responses=BANK_REFUSALS)
def exchange_status(request: Request, _: ReadToken, name: BankPath) -> Response:
    """Return how the last sync of a bank went; the times are null where there was none."""
    return json_answer(_read(state_of(request), name))


def _require_api(api: str) -> None:
    if api != _API:
        raise InputError("no such Exchange API", hint=f"The only one is {_API}.")


def _read(service: ServiceState, name: str) -> dict[str, Any]:
    """Return the last sync of a list of others. Raises `HTTPException` where there is none."""
    with service.database.reading() as session:
        state = _find_list_of_others(session, name)
        runs = read_newest_runs(session).get(state.name, ())
    last = runs[0] if runs else None
    has_succeeded = None if last is None else last.outcome not in (FAILED, QUARANTINED)
    return {
        "checkpoint_ts": None,
        "fetched_items": state.active_entries,
        "last_fetch_complete_ts": None if last is None else int(last.ended_at.timestamp()),
        "last_fetch_succeeded": has_succeeded,
        "running_fetch_start_ts": None,
        "up_to_date": bool(has_succeeded),
    }


def _find_list_of_others(session: Session, name: str) -> ListState:
    for one in read_lists(session):
        if one.kind != OWN and bank_name(one.name) == name:
            return one
    raise HTTPException(HTTPStatus.NOT_FOUND, f"Exchange '{name[:64]}' not found")
