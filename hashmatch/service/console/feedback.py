"""Routes of feedback that consumers of shared lists give, and the decisions about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.sharing import decide_feedback
from hashmatch.store.lists import OWN, read_lists
from hashmatch.store.schema import FeedbackState
from hashmatch.store.sharing import read_feedback
from hashmatch.store.tokens import Scope

from ..runtime.state import state_of
from .forms import RequireForm, RequirePerson, Submission
from .pages import LIST_READERS, go, page
from .people import Person

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*LIST_READERS))]
# As withdrawing an entry of an own list takes.
Curating = Annotated[Submission, Depends(RequireForm(Scope.CURATE, Scope.ADMIN))]
Number = Annotated[int, Path(ge=1, le=2**62)]
_ROWS = 50
# By the name of a button: whether it accepts, and whether it withdraws.
_DECISIONS = {"accept": (True, False), "withdraw": (True, True), "decline": (False, False)}


@router.get("/feedback")
def feedback(
    request: Request,
    person: Reader,
    every: Annotated[str, Query(alias="all", max_length=1)] = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """Show feedback that nobody has decided about, or all of it, the oldest first."""
    state = None if every else FeedbackState.OPEN
    with state_of(request).reading() as session:
        rows = read_feedback(session, state=state, after=after, limit=_ROWS)
        own = {one.name for one in read_lists(session, OWN) if one.kind == OWN}
    facts = {
        "rows": rows,
        "own": own,
        "all": bool(every),
        "following": rows[-1].number if len(rows) == _ROWS else None,
        "may_decide": person.may(Scope.CURATE, Scope.ADMIN),
    }
    return page(request, "feedback", facts)


@router.post("/feedback/{number}")
def decide(request: Request, sent: Curating, number: Number) -> Response:
    """Accept or decline feedback, and withdraw the entry of an own list where that is asked for."""
    service, fields = state_of(request), sent.fields
    if fields.text("decision") not in _DECISIONS:
        raise InputError("decision: there is no such choice")
    accept, withdraw = _DECISIONS[fields.text("decision")]
    reason = fields.text("reason")
    if not reason:
        raise InputError("a decision about feedback needs a reason")
    with service.database.writing(sent.person.audit_name) as session:
        decide_feedback(
            session,
            number,
            accept=accept,
            withdraw=withdraw,
            actor=sent.person.name,
            reason=reason,
        )
    if withdraw:
        service.follow_lists()
    return go("/feedback", done="done", all=fields.text("all")[:1])
