"""Route of looks at content: on record with a reason, within limits, in the platform's viewer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.config import ViewerSettings
from hashmatch.errors import ForbiddenError, NotFoundError
from hashmatch.store.cases import read_case, read_case_contents
from hashmatch.store.looks import note_look, read_look_times
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope

from ..api.cases import CaseId
from ..runtime.state import state_of
from .forms import RequireForm, Submission
from .pages import page

router = APIRouter()
Reviewing = Annotated[Submission, Depends(RequireForm(Scope.REVIEW))]
_DAY = timedelta(days=1)
_NO_LIMIT = 100_000


@router.post("/cases/{case}/look")
def look(request: Request, sent: Reviewing, case: CaseId) -> Response:
    """Record a look at content, and give the link to the platform's own viewer.

    hashmatch itself never fetches what is behind the link.
    """
    service, person = state_of(request), sent.person
    viewer = service.settings.console.viewer
    if viewer is None:
        raise NotFoundError("the configuration names no viewer")
    evidence = sent.fields.number("evidence")
    with service.database.writing(person.audit_name) as session:
        one = read_case(session, case)
        found = [row for row in read_case_contents(session, one.row) if row.key == evidence]
        if not found:
            raise NotFoundError(f"case {case} has no evidence {evidence}")
        now = utc_now()
        limit = viewer.looks_a_day or _NO_LIMIT
        times = read_look_times(session, person.name, now - _DAY, limit=limit)
        require_rest(viewer, times, now)
        note_look(session, one.row, evidence, person.name, sent.fields.text("reason"))
        link = viewer.url.replace("{content_id}", quote(found[0].content_id, safe=""))
        link = link.replace("{reference}", quote(found[0].reference, safe=""))
    facts = {
        "case": case,
        "link": link,
        "left": limit - len(times) - 1 if viewer.looks_a_day else None,
        "back": sent.fields.text("from"),
    }
    return page(request, "look", facts)


def require_rest(viewer: ViewerSettings, times: Sequence[datetime], now: datetime) -> None:
    """Raise `ForbiddenError` after too many looks of a day, or without a break.

    `times` are those of the last day, the newest first.
    """
    if viewer.looks_a_day and len(times) >= viewer.looks_a_day:
        raise ForbiddenError(
            f"you have looked {len(times)} times within a day, which is the limit",
            hint="Somebody else can look, or you tomorrow.",
        )
    pause = timedelta(minutes=viewer.break_minutes)
    some = times[: viewer.looks_before_break]
    if not viewer.looks_before_break or len(some) < viewer.looks_before_break:
        return
    gaps = [now - some[0], *(later - one for later, one in pairwise(some))]
    if all(one < pause for one in gaps):
        left = pause - gaps[0]
        raise ForbiddenError(
            f"you have looked {len(some)} times without a break",
            hint=f"Take a break of {max(1, round(left.total_seconds() / 60))} minutes.",
        )
