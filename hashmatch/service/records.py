"""`GET /v1/matches` and `GET /v1/reports`: what was recorded, page by page or as one stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hashmatch.reports import FORMATS, ReportFormat, ReportRow, report_rows
from hashmatch.store import Database, MatchFilter, Scope, Token

from .answers import json_answer, of_callers
from .authentication import RequireScope, require_export
from .models import MatchesAnswer, Name
from .running import running_of

router = APIRouter(tags=["records"])

_FORMATS = {one.name: one for one in FORMATS}
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
_PIECE_CHARACTERS = 64 * 1024
_ROWS_A_PAGE = 1_000


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-01-31T00:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such time in UTC") from error


Moment = Annotated[datetime, AfterValidator(_with_zone)]
Since = Annotated[Moment | None, Query(description="From this time on.")]
Until = Annotated[Moment | None, Query(description="Up to just before this time.")]
ListName = Annotated[Name | None, Query(alias="list", description="Only matches of this list.")]
Reviewing = Annotated[Token, Depends(RequireScope(Scope.REVIEW))]
Exporting = Annotated[Token, Depends(RequireScope(Scope.EXPORT))]


@router.get("/v1/matches", response_model=MatchesAnswer, responses=of_callers(HTTPStatus.NOT_FOUND))
def matches(
    request: Request,
    token: Reviewing,
    since: Since = None,
    until: Until = None,
    list_name: ListName = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$")] = None,
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Return recorded matches, the newest first; `next` is the cursor of the page after."""
    if show_hashes:
        require_export(token)
    before = None if cursor is None else int(cursor)
    wanted = MatchFilter(since, until, list_name, limit, before)
    with running_of(request).database.reading() as session:
        rows = [row.as_json() for row in report_rows(session, wanted, show_hashes=show_hashes)]
    following = rows[-1]["match_id"] if len(rows) == limit else None
    return json_answer({"matches": rows, "next": following})


@router.get(
    "/v1/reports",
    response_class=StreamingResponse,
    responses={
        **of_callers(HTTPStatus.NOT_FOUND),
        200: {
            "description": "The report",
            "content": {one.partition(";")[0]: {} for one in _MEDIA_TYPES.values()},
        },
    },
)
def reports(
    request: Request,
    _: Exporting,
    report_format: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv",
    since: Since = None,
    until: Until = None,
    list_name: ListName = None,
    show_hashes: Annotated[bool, Query()] = False,  # noqa: FBT002
) -> Response:
    """Stream the matches of a period, oldest first; an answer that breaks off is incomplete."""
    wanted = MatchFilter(since, until, list_name)
    database = running_of(request).database
    pieces = _pieces(database, wanted, _FORMATS[report_format], show_hashes=show_hashes)
    # What can be wrong is found out before the answer begins.
    first = next(pieces, "")
    return StreamingResponse(
        _following(first, pieces),
        media_type=_MEDIA_TYPES[report_format],
        headers={"Content-Disposition": f'attachment; filename="matches.{report_format}"'},
    )


def _pieces(
    database: Database, wanted: MatchFilter, report: ReportFormat, *, show_hashes: bool
) -> Iterator[str]:
    """Yield the report in pieces of a size that is worth sending."""
    parts: list[str] = []
    size = 0
    for part in report.pieces(_rows(database, wanted, show_hashes=show_hashes)):
        parts.append(part)
        size += len(part)
        if size >= _PIECE_CHARACTERS:
            yield "".join(parts)
            parts.clear()
            size = 0
    yield "".join(parts)


def _rows(database: Database, wanted: MatchFilter, *, show_hashes: bool) -> Iterator[ReportRow]:
    """Yield the rows, page by page: whoever reads slowly holds no connection to the store."""
    page = replace(wanted, after=0, limit=_ROWS_A_PAGE)
    while True:
        with database.reading() as session:
            rows = list(report_rows(session, page, show_hashes=show_hashes))
        yield from rows
        if len(rows) < _ROWS_A_PAGE:
            return
        page = replace(page, after=int(rows[-1].match_id))


def _following(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
