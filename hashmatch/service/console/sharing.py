"""Routes of sharing: what is published of lists, and the consumers who pull them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.sharing import require_shareable, sharing_facts
from hashmatch.store.schema import utc_now
from hashmatch.store.sharing import (
    create_consumer_token,
    read_consumer,
    read_consumers,
    remove_consumer,
    revoke_consumer_token,
    save_consumer,
)
from hashmatch.store.tokens import Scope

from ..runtime.state import state_of
from .forms import Fields, RequireForm, RequirePerson, Submission
from .pages import LIST_READERS, go, page
from .people import Person

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*LIST_READERS))]
Administering = Annotated[Submission, Depends(RequireForm(Scope.ADMIN))]
ConsumerName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_CONSUMERS = 100
_MAX_DAYS, _MAX_REQUESTS = 36_500, 1_000_000


@router.get("/sharing")
def sharing(
    request: Request, person: Reader, after: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Show the lists that are shared, how far they are published, and who may pull them."""
    service = state_of(request)
    lists = sharing_facts(service.database, service.settings)
    with service.reading() as session:
        consumers = read_consumers(session, after=after, limit=_CONSUMERS)
    facts = {
        "lists": lists,
        "shareable": [one["list"] for one in lists if one["reason"] is None],
        "consumers": consumers,
        "following": consumers[-1].name if len(consumers) == _CONSUMERS else "",
        "after": after,
        "may_change": person.may(Scope.ADMIN),
    }
    return page(request, "sharing", facts)


@router.post("/sharing")
def register(request: Request, sent: Administering) -> Response:
    """Register a consumer, or change what one may see."""
    return _save(request, sent, sent.fields.text("name"))


def _save(request: Request, sent: Submission, name: str) -> Response:
    service, fields = state_of(request), sent.fields
    lists = _parts(fields, "lists")
    with service.database.writing(sent.person.audit_name) as session:
        for one in lists:
            require_shareable(session, service.settings, one)
        found = save_consumer(
            session,
            name,
            lists=lists,
            categories=_parts(fields, "categories"),
            members=_parts(fields, "members"),
            is_private=fields.is_set("private"),
        )
    return go(f"/sharing/consumers/{found.name}", done="saved")


def _parts(fields: Fields, name: str) -> list[str]:
    return [one.strip() for one in fields.text(name).split(",") if one.strip()]


@router.get("/sharing/consumers/{name}")
def consumer(request: Request, person: Reader, name: ConsumerName) -> Response:
    """Show what a consumer may see, and its tokens."""
    return _consumer(request, person, name)


def _consumer(request: Request, person: Person, name: str, created: str = "") -> Response:
    with state_of(request).reading() as session:
        found = read_consumer(session, name)
    facts = {"consumer": found, "created": created, "may_change": person.may(Scope.ADMIN)}
    return page(request, "consumer", facts)


@router.post("/sharing/consumers/{name}")
def change(request: Request, sent: Administering, name: ConsumerName) -> Response:
    """Change what a consumer may see, create or revoke a token of it, or remove it."""
    service, fields, person = state_of(request), sent.fields, sent.person
    match fields.text("change"):
        case "save":
            with service.reading() as session:
                read_consumer(session, name)
            return _save(request, sent, name)
        case "token":
            return _consumer(request, person, name, created=_create_token(request, sent, name))
        case "revoke":
            with service.database.writing(person.audit_name) as session:
                revoke_consumer_token(session, name, fields.text("token"))
            return go(f"/sharing/consumers/{name}", done="revoked")
        case "remove":
            if fields.text("confirm") != name:
                raise InputError("write the name of the consumer to confirm")
            with service.database.writing(person.audit_name) as session:
                remove_consumer(session, name)
            return go("/sharing", done="removed")
        case _:
            raise InputError("change: there is no such choice")


def _create_token(request: Request, sent: Submission, name: str) -> str:
    fields = sent.fields
    days = fields.optional_number("days")
    if days is not None and not 1 <= days <= _MAX_DAYS:
        raise InputError(f"days: from 1 to {_MAX_DAYS}")
    requests = fields.number("requests") if fields.text("requests") else 600
    if not 1 <= requests <= _MAX_REQUESTS:
        raise InputError(f"requests: from 1 to {_MAX_REQUESTS}")
    with state_of(request).database.writing(sent.person.audit_name) as session:
        return create_consumer_token(
            session,
            name,
            expires_at=None if days is None else utc_now() + timedelta(days=days),
            requests_per_minute=requests,
        )
