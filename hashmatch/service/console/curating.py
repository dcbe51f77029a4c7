"""Routes of own lists and allow lists: their entries, which people add and take out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError, NotFoundError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Hash
from hashmatch.lists import add_hashes, hash_of_match, parse_hash
from hashmatch.store.lists import (
    ALLOW,
    OWN,
    ListState,
    Terms,
    allow_hash,
    browse_entries,
    create_list,
    disable_entries,
    enable_entries,
    find_list,
    parse_terms,
    read_lists,
    withdraw_entry,
)
from hashmatch.store.schema import HashList
from hashmatch.store.tokens import Scope

from ..runtime.state import state_of
from .forms import Fields, RequireForm, RequirePerson, Submission
from .lists import ListName
from .pages import LIST_READERS, go, page
from .people import Person

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*LIST_READERS))]
Curating = Annotated[Submission, Depends(RequireForm(Scope.CURATE, Scope.ADMIN))]
Allowing = Annotated[Submission, Depends(RequireForm(Scope.LISTS, Scope.ADMIN))]
After = Annotated[int | None, Query(ge=1, le=2**62)]
_ENTRIES = 100
_MAX_NOTE = 10_000


@router.get("/own-lists")
def own_lists(request: Request, person: Reader) -> Response:
    """Show the lists of the platform's own."""
    return _overview(request, OWN, may_change=person.may(Scope.CURATE, Scope.ADMIN))


@router.get("/allow-lists")
def allow_lists(
    request: Request, person: Reader, match: Annotated[int | None, Query(ge=1, le=2**62)] = None
) -> Response:
    """Show the lists of known false positives, and a form to allow a match."""
    may_change = person.may(Scope.LISTS, Scope.ADMIN)
    return _overview(request, ALLOW, may_change=may_change, match=match)


def _overview(
    request: Request, kind: str, *, may_change: bool, match: int | None = None
) -> Response:
    with state_of(request).reading() as session:
        found = _lists_of(session, kind)
    facts = {"lists": found, "kind": kind, "may_change": may_change, "match": match or ""}
    return page(request, "curated", facts)


def _lists_of(session: Session, kind: str) -> Sequence[ListState]:
    return [one for one in read_lists(session, kind) if one.kind == kind]


@router.get("/own-lists/{name}")
def own_list(request: Request, person: Reader, name: ListName, after: After = None) -> Response:
    """Show the entries of an own list."""
    may_change = person.may(Scope.CURATE, Scope.ADMIN)
    return _entries(request, name, OWN, after, may_change=may_change)


@router.get("/allow-lists/{name}")
def allow_list(request: Request, person: Reader, name: ListName, after: After = None) -> Response:
    """Show the entries of an allow list, with their reasons."""
    may_change = person.may(Scope.LISTS, Scope.ADMIN)
    return _entries(request, name, ALLOW, after, may_change=may_change)


def _entries(
    request: Request, name: str, kind: str, after: int | None, *, may_change: bool
) -> Response:
    with state_of(request).reading() as session:
        row = _find(session, name, kind)
        entries = browse_entries(session, row, after=after, limit=_ENTRIES)
        disabled = (
            browse_entries(session, row, disabled=True, limit=_ENTRIES) if after is None else []
        )
    facts = {
        "name": name,
        "kind": kind,
        "entries": entries,
        "disabled": disabled,
        "following": entries[-1].key if len(entries) == _ENTRIES else None,
        "may_change": may_change,
    }
    return page(request, "entries", facts)


@router.post("/own-lists")
def create_own_list(request: Request, sent: Curating) -> Response:
    """Create an own list."""
    name = sent.fields.text("name")
    with state_of(request).database.writing(sent.person.audit_name) as session:
        create_list(session, name, kind=OWN)
    return go("/own-lists", done="saved")


@router.post("/own-lists/{name}")
def change_own_list(request: Request, sent: Curating, name: ListName) -> Response:
    """Add an entry to an own list, or disable, enable or withdraw one."""
    service, fields, person = state_of(request), sent.fields, sent.person
    if fields.text("change") == "add":
        algorithm, value = parse_hash(fields.text("hash"))
        note = fields.text("note")
        if len(note) > _MAX_NOTE:
            raise InputError(f"the note has more than {_MAX_NOTE} characters")
        with service.reading() as session:
            _find(session, name, OWN)
        one = Hash(find_algorithm(algorithm), value)
        add_hashes(service.database, name, [one], note=note, actor=person.audit_name)
    else:
        with service.database.writing(person.audit_name) as session:
            _find(session, name, OWN)
            _change_entry(session, name, fields)
    service.follow_lists()
    return go(f"/own-lists/{name}", done="done")


def _find(session: Session, name: str, kind: str) -> HashList:
    row = find_list(session, name)
    if row.kind != kind:
        raise NotFoundError(f"list {name} is not of this kind")
    return row


def _change_entry(session: Session, name: str, fields: Fields) -> None:
    entry = fields.text("entry")
    match fields.text("change"):
        case "disable":
            disable_entries(session, name, [entry])
        case "enable":
            enable_entries(session, name, [entry])
        case "withdraw":
            if not withdraw_entry(session, find_list(session, name), fields.number("entry")):
                raise NotFoundError(f"list {name} has no entry {entry[:64]}")
        case _:
            raise InputError("change: there is no such choice")


@router.post("/allow-lists")
def allow(request: Request, sent: Allowing) -> Response:
    """Add a known false positive to an allow list, which is created if it is new."""
    service, fields, person = state_of(request), sent.fields, sent.person
    name, reason = fields.text("name"), fields.text("reason")
    only = frozenset(one.strip() for one in fields.text("only").split(",") if one.strip())
    terms = Terms(person.name, fields.last_day("until") if fields.text("until") else None, only)
    parse_terms(terms.as_tags(), reason)
    with service.database.writing(person.audit_name) as session:
        if fields.text("match"):
            algorithm, value = hash_of_match(session, fields.text("match"))
        else:
            algorithm, value = parse_hash(fields.text("hash"))
        allow_hash(session, name, algorithm, value, terms, reason)
    service.follow_lists()
    return go(f"/allow-lists/{name}", done="done")


@router.post("/allow-lists/{name}")
def change_allow_list(request: Request, sent: Allowing, name: ListName) -> Response:
    """Disable or enable an entry of an allow list."""
    service = state_of(request)
    if sent.fields.text("change") not in ("disable", "enable"):
        raise InputError("change: there is no such choice")
    with service.database.writing(sent.person.audit_name) as session:
        _find(session, name, ALLOW)
        _change_entry(session, name, sent.fields)
    service.follow_lists()
    return go(f"/allow-lists/{name}", done="done")
