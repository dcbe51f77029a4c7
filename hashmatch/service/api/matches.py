"""Route of recorded matches, page by page."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.reports import report_rows
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import utc_moment
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope, may_see_distances, require_export
from ..runtime.state import state_of
from .answers import error_responses, json_answer
from .models import MatchesAnswer, Name

router = APIRouter(tags=["records"])
Moment = Annotated[datetime, AfterValidator(utc_moment)]
Since = Annotated[Moment | None, Query(description="From this time on.")]
Until = Annotated[Moment | None, Query(description="Up to just before this time.")]
ListName = Annotated[Name | None, Query(alias="list", description="Only matches of this list.")]
ReviewToken = Annotated[Token, Depends(RequireScope(Scope.REVIEW))]


@router.get(
    "/v1/matches", response_model=MatchesAnswer, responses=error_responses(HTTPStatus.NOT_FOUND)
)
def matches(
    request: Request,
    token: ReviewToken,
    since: Since = None,
    until: Until = None,
    list_name: ListName = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$")] = None,
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Return recorded matches, the newest first; `next` is the cursor of the next page."""
    if show_hashes:
        require_export(token)
    before = None if cursor is None else int(cursor)
    wanted = MatchFilter(since, until, list_name, limit, before)
    with state_of(request).database.reading() as session:
        found = report_rows(
            session, wanted, show_hashes=show_hashes, show_distances=may_see_distances(token)
        )
        rows = [row.as_json() for row in found]
    following = rows[-1]["match_id"] if len(rows) == limit else None
    return json_answer({"matches": rows, "next": following})
