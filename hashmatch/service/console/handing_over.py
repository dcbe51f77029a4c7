"""Routes of handing over: previews, escalations, reports and the outbox."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    case_row,
    escalate,
    preview_escalation,
    retract,
    settle,
    show_details,
)
from hashmatch.errors import InputError
from hashmatch.store.cases import read_case
from hashmatch.store.outbox import (
    count_unsent,
    drop_message,
    read_outbox,
    retry_message,
)
from hashmatch.store.tokens import Scope
from hashmatch.uploaders import open_sealer

from ..api.cases import CaseId
from ..runtime.state import state_of
from .cases import Back, Reader
from .forms import RequireForm, RequirePerson, Submission
from .pages import go, page
from .people import Person

router = APIRouter()
Target = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
Reviewing = Annotated[Submission, Depends(RequireForm(Scope.REVIEW))]
Settling = Annotated[Submission, Depends(RequireForm(Scope.SENIOR, Scope.ADMIN))]
OutboxReader = Annotated[Person, Depends(RequirePerson(Scope.SENIOR, Scope.ADMIN, Scope.AUDIT))]
_MESSAGES = 200


@router.get("/cases/{case}/hand-over/{name}")
def hand_over(
    request: Request, person: Reader, case: CaseId, name: Target, back: Back = ""
) -> Response:
    """Show what an escalation or a report would send, before it does."""
    return _preview(request, person, case, name, back, with_details=False)


@router.post("/cases/{case}/hand-over/{name}/details")
def hand_over_with_details(
    request: Request,
    sent: Annotated[Submission, Depends(RequireForm(Scope.DETAILS))],
    case: CaseId,
    name: Target,
) -> Response:
    """Show the same with the uploader's details, which is recorded."""
    service = state_of(request)
    with service.database.writing(sent.person.audit_name) as session:
        show_details(session, open_sealer(service.settings), case, "console, preview")
    back = sent.fields.text("from")
    return _preview(request, sent.person, case, name, back, with_details=True)


def _preview(
    request: Request, person: Person, case: int, name: str, back: str, *, with_details: bool
) -> Response:
    service = state_of(request)
    with service.reading() as session:
        one = read_case(session, case)
        text = preview_escalation(session, service.settings, case, name, with_details=with_details)
    target = service.settings.escalations[name]
    facts: dict[str, Any] = {
        "case": case_row(one),
        "name": name,
        "kind": target.to,
        "text": text,
        "with_details": with_details,
        "is_production": getattr(target, "environment", "") == "production",
        "sends_file": getattr(target, "file", None) is not None,
        "recipients": getattr(target, "recipients", ()) or (getattr(target, "url", ""),),
        "four_eyes": target.to == "cybertipline" and "report" in service.settings.cases.four_eyes,
        "may_send": person.may(Scope.REVIEW),
        "back": back,
    }
    return page(request, "hand_over", facts)


@router.post("/cases/{case}/hand-over/{name}")
def send(request: Request, sent: Reviewing, case: CaseId, name: Target) -> Response:
    """Escalate or report a case; the outbox sends it."""
    service, fields, person = state_of(request), sent.fields, sent.person
    with service.database.writing(person.audit_name) as session:
        done = escalate(
            session,
            service.settings,
            case,
            name,
            person.actor,
            note=fields.text("note"),
            revision=fields.number("revision"),
            again=fields.is_set("again"),
        )
    word = "proposed" if done.needs_second_approval else "done"
    return go(f"/cases/{case}", **{"from": fields.text("from"), "done": word})


@router.post("/cases/{case}/report")
def settle_report(request: Request, sent: Settling, case: CaseId) -> Response:
    """Settle a report of unknown state, or retract one that is not finished."""
    service, fields, actor = state_of(request), sent.fields, sent.person.actor
    step = fields.text("step")
    if step == "retract":
        retract(service.database, service.settings, case, actor)
    elif step in ("finished", "again"):
        with service.database.writing(actor.audit_name) as session:
            settle(session, service.settings, case, actor, is_finished=step == "finished")
    else:
        raise InputError("step: there is no such choice")
    return go(f"/cases/{case}", **{"from": fields.text("from"), "done": "done"})


@router.get("/outbox")
def outbox(request: Request, person: OutboxReader) -> Response:
    """Show the newest messages to others, and how many wait or were given up."""
    with state_of(request).reading() as session:
        messages = read_outbox(session, limit=_MESSAGES)
        counts = count_unsent(session)
    may_act = person.may(Scope.SENIOR, Scope.ADMIN)
    return page(request, "outbox", {"messages": messages, "counts": counts, "may_act": may_act})


@router.post("/outbox/retry")
def retry(request: Request, sent: Settling) -> Response:
    """Have a message sent again."""
    with state_of(request).database.writing(sent.person.audit_name) as session:
        retry_message(session, sent.fields.number("message"))
    return go("/outbox", done="retried")


@router.post("/outbox/drop")
def drop(request: Request, sent: Settling) -> Response:
    """Delete a message that was not sent."""
    with state_of(request).database.writing(sent.person.audit_name) as session:
        drop_message(session, sent.fields.number("message"))
    return go("/outbox", done="dropped")
