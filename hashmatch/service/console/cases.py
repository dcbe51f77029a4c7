"""Routes of one case: what matched and how close, what was done, and what can be done now."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    DECISIONS,
    ROLES,
    TRANSITIONS,
    ActionDone,
    CaseAction,
    State,
    add_note,
    assign,
    case_row,
    decide,
    hold,
    plan,
    require_unchanged,
    show_details,
    view_case,
)
from hashmatch.errors import InputError
from hashmatch.store.related_cases import read_cases_of_account, read_cases_of_entries
from hashmatch.store.tokens import Scope
from hashmatch.uploaders import open_sealer

from ..api.cases import CaseId
from ..runtime.state import state_of
from .contributing import contribution_facts
from .duties import duty_choices
from .forms import RequireForm, RequirePerson, Submission
from .pages import READERS, go, page
from .people import Person, read_people, require_known
from .queue import Wanted, go_to_next

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*READERS))]
Deciding = Annotated[Submission, Depends(RequireForm(Scope.REVIEW, Scope.SENIOR, Scope.ADMIN))]
Details = Annotated[Submission, Depends(RequireForm(Scope.DETAILS))]
Back = Annotated[str, Query(alias="from", max_length=4_000)]
_OTHERS = 10
_ENTRIES_LOOKED_UP = 3
# There is more to do on the case itself after these.
_STAY = frozenset({CaseAction.REVIEW, CaseAction.REOPEN})
_SHOWN_MATCHES, _SHOWN_HISTORY = 200, 500


@router.get("/cases/{case}")
def case(request: Request, person: Reader, case: CaseId, back: Back = "") -> Response:
    """Show a case."""
    return show_case(request, person, case, back)


def show_case(request: Request, person: Person, case: int, back: str = "", **more: Any) -> Response:
    """Return the page of a case with more facts, such as its uploader's details."""
    service = state_of(request)
    with service.reading() as session:
        facts = view_case(session, case, show_distances=person.sees_distances)
        others = _others(session, facts)
        people = read_people(session)
        contributed = contribution_facts(session, person, case, State(facts["state"]))
        of_account = [case_row(one) for one in read_cases_of_account(session, case, limit=_OTHERS)]
    state = State(facts["state"])
    roles = person.actor.roles
    actions = [one.value for one in DECISIONS if _fits(one, state) and ROLES[one] & roles]
    settings = service.settings
    targets = {
        name: target.to
        for name, target in settings.escalations.items()
        if state in TRANSITIONS[_sending(target.to)] and ROLES[_sending(target.to)] & roles
    }
    page_facts: dict[str, Any] = {
        "case": facts,
        "matches": facts["matches"][:_SHOWN_MATCHES],
        "more_matches": max(0, len(facts["matches"]) - _SHOWN_MATCHES),
        "history": facts["history"][-_SHOWN_HISTORY:],
        "others": others,
        "of_account": of_account,
        "actions": actions,
        "targets": targets,
        "sends": bool(settings.escalations),
        "people": people,
        "may_approve": bool(facts["proposal"])
        and Scope.REVIEW in person.scopes
        and not person.actor.is_same(facts["proposed_by"]),
        "may_hold": bool(ROLES[CaseAction.HOLD] & roles),
        "may_settle": bool(ROLES[CaseAction.SETTLE] & roles),
        "may_note": bool(ROLES[CaseAction.NOTE] & roles),
        "may_plan": bool(ROLES[CaseAction.PLAN] & roles) and state in TRANSITIONS[CaseAction.PLAN],
        "may_assign": bool(ROLES[CaseAction.ASSIGN] & roles)
        and state in TRANSITIONS[CaseAction.ASSIGN],
        "four_eyes": settings.cases.four_eyes,
        "viewer": settings.console.viewer,
        "sees_distances": person.sees_distances,
        "is_signed": settings.audit.signing_key is not None,
        "back": back,
        "details": None,
        "problem": "",
        "note": "",
        **contributed,
        **duty_choices(person, settings),
        **more,
    }
    return page(request, "case", page_facts)


def _fits(action: CaseAction, state: State) -> bool:
    """Say whether a decision makes sense in a state; what leads nowhere is not offered."""
    following = TRANSITIONS[action].get(state)
    return following is not None and following is not state


def _sending(kind: str) -> CaseAction:
    return CaseAction.REPORT if kind == "cybertipline" else CaseAction.ESCALATE


def _others(session: Session, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return other cases of the entries that a case matched, of the first few."""
    entries = list(dict.fromkeys((one["list"], one["entry_id"]) for one in facts["matches"]))
    some = entries[:_ENTRIES_LOOKED_UP]
    found = read_cases_of_entries(session, facts["case"], some, limit=_OTHERS)
    return [case_row(one) for one in found]


@router.post("/cases/{case}/decide")
def decide_case(request: Request, sent: Deciding, case: CaseId) -> Response:
    """Decide about a case as it was shown, and go on with the next one if that is asked for."""
    service, fields, person = state_of(request), sent.fields, sent.person
    name = fields.text("action")
    if name not in map(str, DECISIONS):
        raise InputError("action: there is no such choice")
    action = CaseAction(name)
    with service.database.writing(person.audit_name) as session:
        done = decide(
            session,
            service.settings,
            case,
            action,
            person.actor,
            note=fields.text("note"),
            revision=fields.number("revision"),
        )
    back = fields.text("from")
    is_to_be_sent = action is CaseAction.CONFIRM and bool(service.settings.escalations)
    stays = action in _STAY or is_to_be_sent
    if fields.is_set("next") and not stays and person.may(Scope.REVIEW):
        word = "proposed" if done.needs_second_approval else name
        return go_to_next(request, person, _wanted_of(back), but=case, done=word)
    return _back_to(case, done, name, back)


def _back_to(case: int, done: ActionDone, what: str, back: str) -> Response:
    word = "proposed" if done.needs_second_approval else what
    return go(f"/cases/{case}", **{"from": back, "done": word})


def _wanted_of(query: str) -> Wanted:
    return Wanted.of(dict(parse_qsl(query, max_num_fields=50)))


@router.post("/cases/{case}/change")
def change_case(request: Request, sent: Deciding, case: CaseId) -> Response:
    """Assign or plan a case, add a note, or place or release a legal hold."""
    service, fields, person = state_of(request), sent.fields, sent.person
    with service.database.writing(person.audit_name) as session:
        done = _change(session, sent, case)
    return _back_to(case, done, fields.text("change"), fields.text("from"))


def _change(session: Session, sent: Submission, case: int) -> ActionDone:
    fields, actor = sent.fields, sent.person.actor
    match fields.text("change"):
        case "take":
            require_unchanged(session, case, fields.number("revision"))
            return assign(session, case, actor.name, actor)
        case "assign":
            require_known(session, fields.text("assignee"))
            return assign(session, case, fields.text("assignee"), actor)
        case "note":
            return add_note(session, case, fields.text("note"), actor)
        case "hold":
            return hold(session, case, _reason(sent), actor)
        case "release":
            return hold(session, case, "", actor, note=_reason(sent))
        case "plan":
            due_at = fields.moment("due")
            priority = fields.optional_number("priority")
            if priority is not None and priority > 9:
                raise InputError("the priority is a number from 0, the most urgent, to 9")
            return plan(session, case, actor, due_at=due_at, priority=priority)
        case _:
            raise InputError("change: there is no such choice")


def _reason(sent: Submission) -> str:
    reason = sent.fields.text("reason")
    if not reason:
        raise InputError("a legal hold, and its end, need a reason")
    return reason


@router.post("/cases/{case}/details")
def details(request: Request, sent: Details, case: CaseId) -> Response:
    """Show the uploader's details, which the audit log has from then on."""
    service = state_of(request)
    sealer = open_sealer(service.settings)
    # A transaction that writes, since the access is recorded in the audit log.
    with service.database.writing(sent.person.audit_name) as session:
        found = show_details(session, sealer, case, "console")
    shown = {} if found is None else found.as_json()
    return show_case(request, sent.person, case, sent.fields.text("from"), details=shown)
