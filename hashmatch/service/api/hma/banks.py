"""Routes of banks: reading all lists, and creating and removing the operator's own."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.store.lists import (
    OWN,
    ListState,
    clear_removed,
    create_list,
    read_lists,
    remove_list,
)
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope, Token

from ...http.authentication import RequireHMAScope
from ...http.bodies import Model, receive_json
from ...runtime.state import ServiceState, state_of
from ..actors import audit_name_of
from ..answers import json_answer, json_body
from .words import bank_name, refusals

router = APIRouter(tags=["HMA-compatible"])
ReadToken = Annotated[Token, Depends(RequireHMAScope(Scope.REVIEW, Scope.CURATE))]
CurateToken = Annotated[Token, Depends(RequireHMAScope(Scope.CURATE))]
BankPath = Annotated[str, Path(max_length=300, description="The bank, in capitals.")]
# As HMA has it, but for a leading underscore, with which no list begins, and the length of names.
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
BANK_REFUSALS = refusals(HTTPStatus.NOT_FOUND)
CURATION_REFUSALS = refusals(HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


class NewBank(BaseModel):
    """A bank to create. Other keys are ignored, as HMA does."""

    name: str
    enabled_ratio: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class BankChange(BaseModel):
    """A change of a bank."""

    name: str | None = None
    enabled: bool | None = None
    enabled_ratio: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


@router.get("/c/banks", responses=refusals())
def banks(request: Request, _: ReadToken) -> Response:
    """Return all banks: the lists that are matched against."""
    with state_of(request).database.reading() as session:
        found = {bank_name(one.name): one for one in read_lists(session)}
    return json_answer([bank_facts(one) for one in found.values()])


@router.post(
    "/c/banks",
    status_code=HTTPStatus.CREATED,
    responses=refusals(),
    openapi_extra=json_body(NewBank),
)
async def create_bank(request: Request, token: CurateToken) -> Response:
    """Create a bank: an empty list of your own."""
    wanted = await read_body(request, NewBank)
    if not _NAME.fullmatch(wanted.name):
        hint = "A name begins with a letter and has at most 64 characters."
        raise InputError("Bank names must be UPPER_WITH_UNDERSCORE", hint=hint)
    _require_matching(wanted.enabled_ratio)
    create = partial(_create, state_of(request), wanted.name, audit_name_of(token))
    return json_answer(await asyncio.to_thread(create), HTTPStatus.CREATED)


@router.get("/c/bank/{name}", responses=BANK_REFUSALS)
def bank(request: Request, _: ReadToken, name: BankPath) -> Response:
    """Return a bank. Its ratio is 1.0, or 0.0 once its licence has ended."""
    with state_of(request).database.reading() as session:
        return json_answer(bank_facts(find_bank(session, name)))


@router.put("/c/bank/{name}", responses=CURATION_REFUSALS, openapi_extra=json_body(BankChange))
async def change_bank(request: Request, _: CurateToken, name: BankPath) -> Response:
    """Accept a change that leaves an own bank as it is.

    It keeps its name and is always matched, whatever its ratio; one of 0 is refused.
    """
    found = await asyncio.to_thread(require_own, state_of(request), name)
    wanted = await read_body(request, BankChange)
    if wanted.name not in (None, name):
        raise InputError("a bank keeps its name", hint="Create another bank.")
    _require_matching(0.0 if wanted.enabled is False else None)
    _require_matching(wanted.enabled_ratio)
    return json_answer(bank_facts(found))


@router.delete("/c/bank/{name}", responses=CURATION_REFUSALS)
def delete_bank(request: Request, token: CurateToken, name: BankPath) -> Response:
    """Remove an own bank with its content; the answer is the same where there is none."""
    service = state_of(request)
    try:
        found = require_own(service, name)
    except HTTPException as error:
        if error.status_code != HTTPStatus.NOT_FOUND:
            raise
    else:
        with service.database.writing(audit_name_of(token)) as session:
            remove_list(session, found.name)
        clear_removed(service.database.turns(), found.key)
        service.follow_lists()
    return json_answer({"message": "Done"})


async def read_body(request: Request, model: type[Model]) -> Model:
    """Return the JSON object in the body of a request. Raises `InputError`."""
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    with service.buffers.reserve() as take:
        return await receive_json(request, model, timeout_s=timeout_s, take=take)


def bank_facts(state: ListState) -> dict[str, Any]:
    """Return a list in HMA's shape; the Ruby client needs a ratio with a decimal point."""
    is_over = state.licence_has_ended(utc_now().date())
    return {"matching_enabled_ratio": 0.0 if is_over else 1.0, "name": bank_name(state.name)}


def find_bank(session: Session, name: str) -> ListState:
    """Return the list of a bank, an own one where several have that name.

    Raises `HTTPException` with 404 where there is none, and never for another reason: Coop then
    forgets its own bank.
    """
    found = [one for one in read_lists(session) if bank_name(one.name) == name]
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"bank '{name[:64]}' not found")
    return next((one for one in found if one.kind == OWN), found[0])


def require_own(service: ServiceState, name: str) -> ListState:
    """Return the own list of a bank. Raises `HTTPException` with 404 or 405."""
    with service.database.reading() as session:
        found = find_bank(session, name)
    if found.kind != OWN:
        raise HTTPException(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"bank '{name}' is a list of others, which is not changed here",
            headers={"Allow": "GET"},
        )
    return found


def _create(service: ServiceState, name: str, actor: str) -> dict[str, Any]:
    with service.database.writing(actor) as session:
        is_taken = any(bank_name(one.name) == name for one in read_lists(session))
        try:
            if is_taken:
                raise InputError("Bank already exists")
            create_list(session, name.lower(), kind=OWN)
        except InputError as error:  # It may be the name of an allow list, or of a removed list.
            raise HTTPException(HTTPStatus.FORBIDDEN, "Bank already exists") from error
        return bank_facts(find_bank(session, name))


def _require_matching(ratio: float | None) -> None:
    """Raise `InputError` for a ratio of 0. Any other is 1: chance must not decide about a match."""
    if ratio == 0:
        raise InputError(
            "a bank is always matched",
            hint="Disable its content, or delete the bank.",
        )
