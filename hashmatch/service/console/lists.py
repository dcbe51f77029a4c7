"""Routes of lists: how current they are, their licences, and deliveries that a guard stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.lists import (
    accept_delivery,
    decide_flooding,
    list_facts,
    reject_delivery,
    view_quarantine,
)
from hashmatch.store.lists import MATCH as MATCH_LIST
from hashmatch.store.lists import (
    TERMS,
    clear_removed,
    create_list,
    disable_entries,
    enable_entries,
    find_list,
    remove_list,
    set_licence,
)
from hashmatch.store.matches import FloodAction
from hashmatch.store.tokens import Scope
from hashmatch.wiring import open_policy

from ..runtime.state import ServiceState, state_of
from .forms import RequireForm, RequirePerson, Submission
from .pages import LIST_READERS, go, page
from .people import Person

router = APIRouter()
ListName = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
Reader = Annotated[Person, Depends(RequirePerson(*LIST_READERS))]
Keeping = Annotated[Submission, Depends(RequireForm(Scope.LISTS, Scope.ADMIN))]
_DIFFERENCES = 100
_KEEPERS = (Scope.LISTS, Scope.ADMIN)


@router.get("/lists")
def lists(request: Request, person: Reader) -> Response:
    """Show every list that images or prompts are matched against."""
    service = state_of(request)
    found = list_facts(service.database, open_policy(service.settings))
    facts = {
        "lists": [one for one in found if one["kind"] in (MATCH_LIST, TERMS)],
        "may_keep": person.may(*_KEEPERS),
    }
    return page(request, "lists", facts)


@router.post("/lists")
def add(request: Request, sent: Keeping) -> Response:
    """Create an empty list, which a source or a file then fills."""
    fields = sent.fields
    with state_of(request).database.writing(sent.person.audit_name) as session:
        create_list(
            session,
            fields.text("name"),
            kind=TERMS if fields.is_set("terms") else MATCH_LIST,
            licensor=fields.text("licensor") or None,
            licence_end=fields.last_day("end") if fields.text("end") else None,
        )
    return go("/lists", done="saved")


@router.get("/lists/{name}")
def one_list(request: Request, person: Reader, name: ListName) -> Response:
    """Show one list, and what can be done about it."""
    service = state_of(request)
    found = _find(service, name)
    facts = {
        "list": found,
        "may_keep": person.may(*_KEEPERS),
        "has_source": name in service.settings.lists,
        "FLOOD_ACTIONS": [one.value for one in FloodAction],
    }
    return page(request, "list", facts)


def _find(service: ServiceState, name: str) -> dict[str, Any]:
    with service.reading() as session:
        find_list(session, name)  # For its error.
    every = list_facts(service.database, open_policy(service.settings))
    return next(one for one in every if one["list"] == name)


@router.post("/lists/{name}/change")
def change(request: Request, sent: Keeping, name: ListName) -> Response:
    """Sync a list, set its licence, disable or enable entries, decide about one that floods."""
    service, fields, person = state_of(request), sent.fields, sent.person
    done = "done"
    match fields.text("change"):
        case "sync":
            service.sync_runner.start(name)
            done = "started"
        case "licence":
            end = None if fields.is_set("no_end") else fields.last_day("end")
            with service.database.writing(person.audit_name) as session:
                set_licence(session, name, licensor=fields.text("licensor") or None, end=end)
        case "disable" | "enable" as wanted:
            entries = [one.strip() for one in fields.text("entries").split("\n") if one.strip()]
            if not entries:
                raise InputError("no entry is named", hint="Write one entry id a line.")
            act = disable_entries if wanted == "disable" else enable_entries
            with service.database.writing(person.audit_name) as session:
                act(session, name, entries)
        case "flooding":
            chosen = fields.text("set")
            if chosen not in map(str, FloodAction):
                raise InputError("set: there is no such choice")
            decide_flooding(
                service.database, name, fields.text("entry"), FloodAction(chosen), person.name
            )
        case "remove":
            return _remove(service, sent, name)
        case _:
            raise InputError("change: there is no such choice")
    service.follow_lists()
    return go(f"/lists/{name}", done=done)


def _remove(service: ServiceState, sent: Submission, name: str) -> Response:
    """Delete the entries of a list whose name was written once more."""
    if sent.fields.text("confirm") != name:
        raise InputError(
            "the list was not removed", hint="Write its name into the field to confirm."
        )
    with service.database.writing(sent.person.audit_name) as session:
        remove_list(session, name)
        list_key = find_list(session, name, removed_too=True).key
    clear_removed(service.database.turns(), list_key)
    service.follow_lists()
    return go("/lists", done="removed")


@router.get("/lists/{name}/delivery")
async def delivery(request: Request, person: Reader, name: ListName) -> Response:
    """Show a quarantined delivery, with the first of the changes that it would make."""
    service = state_of(request)
    # It compares all of the delivery with the list.
    view = partial(view_quarantine, service.database, name, limit=_DIFFERENCES)
    found = await service.reports.admit(view)
    facts = {
        "name": name,
        "delivery": found.quarantine,
        "differences": found.differences,
        "may_keep": person.may(*_KEEPERS),
    }
    return page(request, "delivery", facts)


@router.post("/lists/{name}/delivery")
async def decide_delivery(request: Request, sent: Keeping, name: ListName) -> Response:
    """Accept or reject the delivery as it was shown."""
    service, fields, actor = state_of(request), sent.fields, sent.person.audit_name
    number, decision = fields.number("number"), fields.text("decision")
    acts: dict[str, Callable[..., object]] = {"accept": accept_delivery, "reject": reject_delivery}
    if decision not in acts:
        raise InputError("decision: there is no such choice")
    await asyncio.to_thread(acts[decision], service.database, name, number, actor=actor)
    await asyncio.to_thread(service.follow_lists)
    return go(f"/lists/{name}", done="done")
