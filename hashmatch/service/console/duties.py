"""Routes of duties about cases: what is due, and what is recorded of one case."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    ANSWERS,
    ROLES,
    ActionDone,
    Appellant,
    Automation,
    CaseAction,
    Channel,
    Ground,
    Restriction,
    answer_appeal,
    destroy,
    due_facts,
    end_deadline,
    impose,
    lift,
    notify_uploader,
    receive_appeal,
    refer,
    retain,
)
from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.store.duties import read_open_appeals, read_open_deadlines
from hashmatch.store.schema import AppealState, RetentionClass
from hashmatch.store.tokens import Scope

from ..api.cases import CaseId
from ..runtime.state import state_of
from .forms import RequireForm, RequirePerson, Submission
from .pages import READERS, go, page
from .people import Person

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*READERS))]
Deciding = Annotated[Submission, Depends(RequireForm(Scope.REVIEW, Scope.SENIOR, Scope.ADMIN))]
_ROWS = 200


@router.get("/due")
def due(request: Request, person: Reader) -> Response:
    """Show open deadlines and appeals of all cases, those that are due first, first."""
    del person
    with state_of(request).reading() as session:
        deadlines = read_open_deadlines(session, limit=_ROWS)
        appeals = read_open_appeals(session, limit=_ROWS)
    facts = {
        "deadlines": [due_facts(one) for one in deadlines],
        "appeals": [due_facts(one) for one in appeals],
        "most": _ROWS,
    }
    return page(request, "due", facts)


def duty_choices(person: Person, settings: Settings) -> dict[str, Any]:
    """Return what the page of a case offers to record of its duties."""
    roles = person.actor.roles
    return {
        "may_record": bool(ROLES[CaseAction.MEASURE] & roles),
        "may_retain": bool(ROLES[CaseAction.RETAIN] & roles),
        "has_vault": settings.cases.vault is not None,
        "usual_class": settings.cases.retention_class,
        "choices": {
            "restriction": [one.value for one in Restriction],
            "ground": [one.value for one in Ground],
            "automation": [one.value for one in Automation],
            "channel": [one.value for one in Channel],
            "appellant": [one.value for one in Appellant],
            "answer": [one.value for one in ANSWERS],
            "retention_class": [one.value for one in RetentionClass],
        },
    }


@router.post("/cases/{case}/duties")
def record(request: Request, sent: Deciding, case: CaseId) -> Response:
    """Record a reference, a deadline that was met, a measure, an appeal or its answer."""
    service, fields = state_of(request), sent.fields
    with service.database.writing(sent.person.audit_name) as session:
        done = _record(session, service.settings, case, sent)
    word = "proposed" if done.needs_second_approval else "done"
    return go(f"/cases/{case}", **{"from": fields.text("from"), "done": word})


def _record(session: Session, settings: Settings, case: int, sent: Submission) -> ActionDone:
    fields, actor = sent.fields, sent.person.actor
    note = fields.text("note")
    match fields.text("duty"):
        case "reference":
            authority, reference = fields.text("authority"), fields.text("reference")
            made_at = fields.moment("made_at")
            return refer(session, settings, case, authority, reference, actor, made_at=made_at)
        case "met" | "waive":
            is_waived = fields.text("duty") == "waive"
            number = fields.number("deadline")
            return end_deadline(session, case, number, actor, waive=is_waived, note=note)
        case "measure":
            return impose(
                session,
                settings,
                case,
                fields.choice("restriction", Restriction),
                actor,
                ground=fields.choice("ground", Ground),
                automation=fields.choice("automation", Automation),
                territory=fields.text("territory"),
            )
        case "notified":
            return notify_uploader(session, settings, case, actor)
        case "lift":
            return lift(session, case, actor, measure=fields.number("measure"), note=note)
        case "appeal":
            return receive_appeal(
                session,
                settings,
                case,
                actor,
                channel=fields.choice("channel", Channel),
                appellant=fields.choice("appellant", Appellant),
                grounds=fields.text("grounds"),
                received_at=fields.moment("received_at"),
            )
        case "answer":
            answer, appeal = fields.choice("answer", AppealState), fields.number("appeal")
            return answer_appeal(session, settings, case, appeal, answer, actor, note=note)
        case "retention":
            chosen = fields.choice("retention_class", RetentionClass)
            return retain(session, settings, case, chosen, actor, note=note)
        case "destroy":
            return destroy(session, settings, case, actor, note=note)
        case _:
            raise InputError("duty: there is no such choice")
