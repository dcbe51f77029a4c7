"""Routes of notices: the register of requests, one of them, and the work on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import Actor
from hashmatch.errors import InputError
from hashmatch.notices import (
    OUTCOMES,
    Closing,
    NoticeRequest,
    NoticeSupplement,
    RefusalReason,
    Work,
    close_notice,
    notice_row,
    parse_request,
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
    read_items,
    read_notice_page,
)
from hashmatch.store.schema import NoticeState, utc_now
from hashmatch.store.tokens import Scope
from hashmatch.uploaders import open_sealer

from ..api.cursors import NOTICE_CURSOR, notice_cursor, notice_place
from ..api.notices import RequestId
from ..runtime.state import state_of
from .forms import Fields, RequireForm, RequirePerson, Submission
from .pages import READERS, go, page
from .people import Person

router = APIRouter()
Done = TypeVar("Done")
Reader = Annotated[Person, Depends(RequirePerson(*READERS))]
Working = Annotated[Submission, Depends(RequireForm(Scope.REVIEW))]
Contacting = Annotated[Submission, Depends(RequireForm(Scope.DETAILS))]
_ROWS = 50
_SHOWN: Mapping[str, tuple[NoticeState, ...]] = {
    "open": WAITING,
    "overdue": WAITING,
    "closed": CLOSED,
    "all": (*WAITING, *CLOSED),
}
_FLAGS = ("signed", "good_faith", "contact_on_file")
# What a form asks about the requester, of whom a program may send more.
_REQUESTER = ("name", "subject", "address", "statement")


@router.get("/notices")
async def notices(
    request: Request,
    person: Reader,
    show: Annotated[str, Query(pattern=f"^({'|'.join(_SHOWN)})$")] = "open",
    content_id: Annotated[str, Query(max_length=1000)] = "",
    after: Annotated[str | None, Query(pattern=NOTICE_CURSOR)] = None,
) -> Response:
    """Show the register: what is due next first, then what lacks a part, then what is closed."""
    service, now = state_of(request), utc_now()
    content_id = content_id.strip()
    wanted = NoticeFilter(
        states=_SHOWN["all" if content_id else show],
        content_id=content_id or None,
        due_before=now if show == "overdue" and not content_id else None,
        limit=_ROWS,
        after=None if after is None else notice_place(after),
    )

    def read() -> dict[str, Any]:
        with service.reading() as session:
            found = read_notice_page(session, wanted)
            rows = [notice_row(one, service.settings.notices, now) for one in found.notices]
        return {"rows": rows, "following": notice_cursor(found.following)}

    facts = {
        **await service.read(read, _ROWS),
        "show": show,
        "SHOWN": list(_SHOWN),
        "content_id": content_id,
        "may_work": person.may(Scope.REVIEW),
    }
    return page(request, "notices", facts)


@router.post("/notices")
def add(request: Request, sent: Working) -> Response:
    """Record a request that the platform received by other means than a program."""
    service, fields = state_of(request), sent.fields
    more = {"reference": fields.text("reference") or None, "received_at": fields.moment("received")}
    wanted = parse_request("{}", NoticeRequest, {**_parts(fields), **more})
    found = _act(request, sent, lambda s, a: register_notice(s, service.settings, wanted, a))
    return go(f"/notices/{found.request_id}", done="done")


@router.get("/notices/{request_id}")
def notice(request: Request, person: Reader, request_id: RequestId) -> Response:
    """Show one notice with the places of its image and its history, without its requester."""
    return _show(request, person, request_id, None)


@router.post("/notices/{request_id}/parts")
def supplement(request: Request, sent: Working, request_id: RequestId) -> Response:
    """Add parts that a request lacked."""
    settings, fields = state_of(request).settings, sent.fields
    more = {"supplied_at": fields.moment("supplied")}
    wanted = parse_request("{}", NoticeSupplement, {**_parts(fields), **more})
    _act(request, sent, lambda s, a: supplement_notice(s, settings, request_id, wanted, a))
    return go(f"/notices/{request_id}", done="done")


@router.post("/notices/{request_id}/work")
def work(request: Request, sent: Working, request_id: RequestId) -> Response:
    """Record what was done, and the outcome where the form names one."""
    fields = sent.fields
    outcome = fields.text("outcome")

    def act(session: Session, actor: Actor) -> None:
        done = _work(session, request_id, fields)
        if not outcome:
            record_work(session, request_id, done, actor)
        elif outcome == "reopened":
            reopen_notice(session, request_id, fields.text("note"), actor)
        else:
            close_notice(session, request_id, _closing(fields, done), actor)

    _act(request, sent, act)
    return go(f"/notices/{request_id}", done="done")


@router.post("/notices/{request_id}/contact")
def contact(request: Request, sent: Contacting, request_id: RequestId) -> Response:
    """Show who made a request, which the audit log has from then on."""
    service = state_of(request)
    sealer = open_sealer(service.settings)
    # A transaction that writes, since the access is recorded in the audit log.
    with service.database.writing(sent.person.audit_name) as session:
        found = show_contact(session, sealer, request_id, "console")
    return _show(request, sent.person, request_id, {} if found is None else found.as_json())


def _show(
    request: Request, person: Person, request_id: str, requester: Mapping[str, Any] | None
) -> Response:
    service = state_of(request)
    with service.reading() as session:
        found = view_notice(session, service.settings.notices, request_id, utc_now())
    facts = {
        "notice": found,
        "requester": requester,
        "outcomes": [one.value for one in OUTCOMES],
        "reasons": [one.value for one in RefusalReason],
        "is_open": found["state"] in WAITING,
        "may_work": person.may(Scope.REVIEW),
    }
    return page(request, "notice", facts)


def _act(request: Request, sent: Submission, act: Callable[[Session, Actor], Done]) -> Done:
    with state_of(request).database.writing(sent.person.audit_name) as session:
        return act(session, sent.person.actor)


def _parts(fields: Fields) -> dict[str, object]:
    """Return the parts of a request that a form has."""
    requester = {name: fields.text(name) for name in _REQUESTER}
    given: dict[str, object] = {
        **{name: fields.is_set(name) for name in _FLAGS},
        "made_by": fields.text("made_by"),
        "places": [
            *({"content_id": one} for one in _lines(fields, "content_ids")),
            *({"url": one} for one in _lines(fields, "urls")),
        ],
        "requester": _given(
            {**requester, **{name: _lines(fields, name) for name in ("emails", "phones")}}
        ),
    }
    return _given(given)


def _given(parts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in parts.items() if value}


def _lines(fields: Fields, name: str) -> list[str]:
    return [one for line in fields.text(name).split("\n") if (one := line.strip())]


def _work(session: Session, request_id: str, fields: Fields) -> Work:
    """Return the work of a form, whose boxes name places by their number on the page."""
    names = _named(session, request_id, fields.chosen("place-"))
    if entry := fields.text("entry"):
        list_name, _, number = entry.rpartition("/")
        is_number = number.isdecimal() and number.isascii() and len(number) <= 18
        if not list_name or not is_number or not names:
            raise InputError("entry: name it as LIST/NUMBER, and tick places whose hashes it has")
        return Work(listed=tuple((one, list_name, int(number)) for one in names))
    return Work(
        removed=names,
        removed_at=fields.moment("removed_at"),
        copies_found=fields.optional_number("copies_found"),
        copies_removed=fields.optional_number("copies_removed"),
        requester_notified_at=fields.moment("notified_at"),
    )


def _named(session: Session, request_id: str, chosen: list[int]) -> tuple[str, ...]:
    if not chosen:
        return ()
    rows = [one.row for one in read_items(session, [find_notice(session, request_id).key])]
    if not 1 <= min(chosen) <= max(chosen) <= len(rows):
        raise InputError("place: there is no such place of the image")
    return tuple(rows[one - 1].content_id or rows[one - 1].url or "" for one in chosen)


def _closing(fields: Fields, done: Work) -> Closing:
    return Closing(
        fields.choice("outcome", NoticeState),
        fields.choice("reason", RefusalReason) if fields.text("reason") else None,
        fields.text("duplicate_of") or None,
        fields.text("note"),
        work=done,
    )
