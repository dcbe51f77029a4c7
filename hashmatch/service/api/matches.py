"""Route of recorded matches, page by page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.reports import report_row
from hashmatch.store.matches import MatchFilter, MatchPlace, read_matches
from hashmatch.store.schema import MatchRecord
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope, may_see_distances, require_export
from ..runtime.state import state_of
from .answers import error_responses, json_answer
from .cursors import micros_since_epoch, moment_of_micros
from .models import MatchesAnswer, Name
from .periods import Since, Until

router = APIRouter(tags=["records"])
ListName = Annotated[Name | None, Query(alias="list", description="Only matches of this list.")]
_CURSOR = "^[0-9]{1,17}[.][0-9]{1,18}$"
ReviewToken = Annotated[Token, Depends(RequireScope(Scope.REVIEW, Scope.AUDIT))]


@router.get(
    "/v1/matches", response_model=MatchesAnswer, responses=error_responses(HTTPStatus.NOT_FOUND)
)
async def matches(
    request: Request,
    token: ReviewToken,
    since: Since = None,
    until: Until = None,
    list_name: ListName = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(pattern=_CURSOR)] = None,
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Return recorded matches, the newest first; `next` is the cursor of the next page."""
    if show_hashes:
        require_export(token)
    service = state_of(request)
    wanted = MatchFilter(since, until, list_name, limit, before=_place(cursor))

    def answer() -> Response:
        with service.reading() as session:
            found = list(read_matches(session, wanted))
            show = {"show_hashes": show_hashes, "show_distances": may_see_distances(token)}
            rows = [report_row(one, **show).as_json() for one in found]
            following = _cursor(found[-1].record) if len(found) == limit else None
        return json_answer({"matches": rows, "next": following})

    return await service.read(answer, limit)


def _cursor(record: MatchRecord) -> str:
    """Return the cursor of a match's place: its time in microseconds since the epoch, its key."""
    return f"{micros_since_epoch(record.matched_at)}.{record.key}"


def _place(cursor: str | None) -> MatchPlace | None:
    if cursor is None:
        return None
    since, key = map(int, cursor.split("."))
    return MatchPlace(moment_of_micros(since), key)
