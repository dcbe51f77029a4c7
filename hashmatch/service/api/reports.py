"""Route of reports: matches, cases and figures of a period, as on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hashmatch.cases import cybertip_documents
from hashmatch.errors import InputError
from hashmatch.reports import (
    FORMATS,
    CaseRow,
    ReportFormat,
    ReportRow,
    case_rows,
    html_summary,
    pdf_summary,
    read_figures,
    record_export,
    report_rows,
    transparency,
)
from hashmatch.store.cases import CaseFilter
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list
from hashmatch.store.matches import MatchFilter
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope
from ..runtime.state import ServiceState, state_of
from .actors import audit_name_of
from .answers import error_responses, json_answer
from .matches import ListName, Since, Until

router = APIRouter(tags=["records"])
ExportToken = Annotated[Token, Depends(RequireScope(Scope.EXPORT))]
Form = Literal["csv", "jsonl", "html", "pdf", "transparency", "cybertip"]
_ROWS = {one.name: one for one in FORMATS}
# Rows are short, and one write to the socket for each would be slow.
_PIECE_CHARACTERS = 64 * 1024
_ROWS_A_PAGE = 1_000
_MEDIA_TYPES = {
    **{one.name: one.media_type for one in FORMATS},
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "transparency": "application/json",
    "cybertip": "application/xml",
}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one kind, read a page at a time: `read` returns the page after a key."""

    kind: type[Any]
    read: Callable[[Database, str | None], list[Any]]
    key: Callable[[Any], str]


@router.get(
    "/v1/reports",
    response_class=StreamingResponse,
    responses={
        **error_responses(HTTPStatus.NOT_FOUND),
        200: {
            "description": "The report",
            "content": {one.partition(";")[0]: {} for one in _MEDIA_TYPES.values()},
        },
    },
)
def reports(
    request: Request,
    token: ExportToken,
    form: Annotated[Form, Query(alias="format")] = "csv",
    of: Annotated[Literal["matches", "cases"], Query(description="For csv and jsonl.")] = "matches",
    since: Since = None,
    until: Until = None,
    list_name: ListName = None,
    case: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="For cybertip.")] = None,
    show_hashes: Annotated[bool, Query()] = False,  # noqa: FBT002
    show_details: Annotated[bool, Query(description="Needs the scope details.")] = False,  # noqa: FBT002
) -> Response:
    """Stream the matches or cases of a period, or their figures; the export is recorded.

    An answer is incomplete where the connection closes before its end.
    """
    service = state_of(request)
    if show_details and Scope.DETAILS not in token.scopes:
        raise HTTPException(HTTPStatus.FORBIDDEN, "details need a token with the scope details")
    _require_fitting(form, of, list_name, case, show_hashes=show_hashes, show_details=show_details)
    wanted = MatchFilter(since, until, list_name)
    if list_name is not None:
        with service.database.reading() as session:
            # Matches of removed lists stay on record, and can be exported.
            find_list(session, list_name, removed_too=True)
    facts = {
        "format": form,
        "of": of,
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
        "list": list_name,
        "case": case,
        "hashes": show_hashes,
        "details": show_details,
    }
    # Before the first row is read: an export that is cut off was an export as well.
    record_export(service.database, audit_name_of(token), facts)
    if form in _ROWS:
        rows = _cases(since, until) if of == "cases" else _matches(wanted, show_hashes=show_hashes)
        return _stream(service.database, _ROWS[form], rows, of)
    if form == "cybertip":
        return _cybertip(service, case, show_details=show_details, show_hashes=show_hashes)
    return _figures(service.database, form, since, until)


def _require_fitting(
    form: Form,
    of: str,
    list_name: str | None,
    case: int | None,
    *,
    show_hashes: bool,
    show_details: bool,
) -> None:
    of_matches = form in _ROWS and of == "matches"
    for is_given, fits, name in (
        (of == "cases", form in _ROWS, "of"),
        (list_name is not None, of_matches, "list"),
        (show_hashes, of_matches or form == "cybertip", "show_hashes"),
        (case is not None, form == "cybertip", "case"),
        (show_details, form == "cybertip", "show_details"),
    ):
        if is_given and not fits:
            raise InputError(f"query.{name}: cannot be combined with format={form} and of={of}")
    if form == "cybertip" and case is None:
        raise InputError("query.case: required, since every case is a document of its own")


def _stream(database: Database, report: ReportFormat, rows: _Rows, of: str) -> Response:
    pieces = _pieces(report, rows, database)
    # An error in the first piece still becomes a problem document; once the answer has begun, its
    # status is sent and it can only be cut off.
    first = next(pieces, "")
    return StreamingResponse(
        _prepended(first, pieces),
        media_type=report.media_type,
        headers={"Content-Disposition": f'attachment; filename="{of}.{report.name}"'},
    )


def _cybertip(
    service: ServiceState, case: int | None, *, show_details: bool, show_hashes: bool
) -> Response:
    with service.database.reading() as session:
        ((_, document),) = cybertip_documents(
            session,
            service.settings,
            CaseFilter(),
            case=case,
            show_details=show_details,
            show_hashes=show_hashes,
        )
    return Response(document, media_type=_MEDIA_TYPES["cybertip"])


def _figures(
    database: Database, form: Form, since: datetime | None, until: datetime | None
) -> Response:
    with database.reading() as session:
        figures = read_figures(session, since, until)
    if form == "transparency":
        return json_answer(transparency(figures))
    if form == "pdf":
        return Response(pdf_summary(figures), media_type=_MEDIA_TYPES["pdf"])
    return Response(
        html_summary(figures),
        media_type=_MEDIA_TYPES["html"],
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def _matches(wanted: MatchFilter, *, show_hashes: bool) -> _Rows:
    def read(database: Database, after: str | None) -> list[Any]:
        page = replace(wanted, after=int(after or 0), limit=_ROWS_A_PAGE)
        with database.reading() as session:
            return list(report_rows(session, page, show_hashes=show_hashes))

    return _Rows(ReportRow, read, lambda row: str(row.match_id))


def _cases(since: datetime | None, until: datetime | None) -> _Rows:
    def read(database: Database, after: str | None) -> list[Any]:
        page = CaseFilter(
            since=since,
            until=until,
            limit=_ROWS_A_PAGE,
            after=int(after or 0),
        )
        with database.reading() as session:
            return list(case_rows(session, page))

    return _Rows(CaseRow, read, lambda row: str(row.case))


def _pieces(report: ReportFormat, rows: _Rows, database: Database) -> Iterator[str]:
    """Yield the report in pieces that are large enough to send."""
    parts: list[str] = []
    size = 0
    for part in report.pieces(rows.kind, _paged(rows, database)):
        parts.append(part)
        size += len(part)
        if size >= _PIECE_CHARACTERS:
            yield "".join(parts)
            parts.clear()
            size = 0
    yield "".join(parts)


def _paged(rows: _Rows, database: Database) -> Iterator[Any]:
    """Yield the rows, page by page, so that a slow reader occupies no database connection."""
    after: str | None = None
    while True:
        page = rows.read(database, after)
        yield from page
        if len(page) < _ROWS_A_PAGE:
            return
        after = rows.key(page[-1])


def _prepended(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
