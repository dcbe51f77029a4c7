"""Route of reports: matches, cases and figures of a period, as on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
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
    ReportWanted,
    case_rows,
    figures_before,
    html_summary,
    pdf_summary,
    read_figures,
    record_export,
    report_page,
    transparency,
)
from hashmatch.store.cases import CaseFilter, OpeningPlace
from hashmatch.store.lists import find_list
from hashmatch.store.matches import MatchColumns, MatchFilter
from hashmatch.store.queue import read_cases_by_opening
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope, require_export
from ..runtime.state import ServiceState, state_of
from .actors import audit_name_of
from .answers import error_responses, json_answer
from .long_answers import LongAnswer
from .matches import ListName
from .periods import Since, Until

router = APIRouter(tags=["records"])
ExportToken = Annotated[Token, Depends(RequireScope(Scope.EXPORT, Scope.AUDIT))]
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


Place = TypeVar("Place")
_Page: TypeAlias = tuple[list[Any], Place | None]
Reading: TypeAlias = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class _Rows(Generic[Place]):
    """Rows of one kind: `read` returns those after a place, and the place where others follow."""

    kind: type[Any]
    read: Callable[[Session, Place | None], _Page[Place]]


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
async def reports(
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

    An answer is incomplete where the connection closes before its end. Two are made at a time.
    """
    if show_hashes:
        require_export(token)
    if show_details and Scope.DETAILS not in token.scopes:
        raise HTTPException(HTTPStatus.FORBIDDEN, "details need a token with the scope details")
    wanted = ReportWanted(
        form,
        of,
        since,
        until,
        list_name,
        case,
        show_hashes=show_hashes,
        show_details=show_details,
    )
    return await make_report(state_of(request), audit_name_of(token), wanted)


async def make_report(service: ServiceState, actor: str, wanted: ReportWanted) -> Response:
    """Return a report, streamed where it has rows; the export is recorded before.

    Raises `InputError` for what does not go together, `OverloadedError` and `UnknownListError`.
    """
    _require_fitting(wanted)
    form = wanted.form
    with ExitStack() as place:
        place.enter_context(service.reports.admitted())
        record = partial(_record, service, wanted.list_name, actor, wanted.as_facts())
        await service.reports.run(record)
        if form in _ROWS:
            chosen = MatchFilter(wanted.since, wanted.until, wanted.list_name)
            by_page = (
                _cases(wanted.since, wanted.until)
                if wanted.of == "cases"
                else _matches(chosen, wanted.show_hashes)
            )
            pieces = _pieces(_ROWS[form], by_page, service.reading)
            return await LongAnswer.begin(
                service.reports,
                pieces,
                place,
                media_type=_ROWS[form].media_type,
                headers={"Content-Disposition": f'attachment; filename="{wanted.of}.{form}"'},
            )
        make = partial(_cybertip if form == "cybertip" else _figures, service, wanted)
        return await service.reports.run(make)


def _record(
    service: ServiceState, list_name: str | None, actor: str, facts: Mapping[str, object]
) -> None:
    """Record an export before its first row is read: one that is cut off was one as well.

    Raises `UnknownListError`.
    """
    if list_name is not None:
        with service.database.reading() as session:
            # Matches of removed lists stay on record, and can be exported.
            find_list(session, list_name, removed_too=True)
    record_export(service.database, actor, facts)


def _require_fitting(wanted: ReportWanted) -> None:
    form = wanted.form
    for name in wanted.misfits():
        raise InputError(f"query.{name}: cannot be combined with format={form} and of={wanted.of}")
    if form == "cybertip" and wanted.case is None:
        raise InputError("query.case: required, since every case is a document of its own")


def _cybertip(service: ServiceState, wanted: ReportWanted) -> Response:
    with service.reading() as session:
        ((_, document),) = cybertip_documents(
            session,
            service.settings,
            CaseFilter(),
            case=wanted.case,
            show_details=wanted.show_details,
            show_hashes=wanted.show_hashes,
        )
    return Response(document, media_type=_MEDIA_TYPES["cybertip"])


def _figures(service: ServiceState, wanted: ReportWanted) -> Response:
    with service.reading() as session:
        figures = read_figures(session, wanted.since, wanted.until)
        if wanted.form == "transparency":
            return json_answer(transparency(figures))
        before = figures_before(session, figures)
    platform = service.settings.console.platform
    if wanted.form == "pdf":
        document = pdf_summary(figures, before, platform=platform)
        return Response(document, media_type=_MEDIA_TYPES["pdf"])
    return Response(
        html_summary(figures, before, platform=platform),
        media_type=_MEDIA_TYPES["html"],
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def _matches(wanted: MatchFilter, show_hashes: bool) -> _Rows[MatchColumns]:  # noqa: FBT001
    def read(session: Session, after: MatchColumns | None) -> _Page[MatchColumns]:
        return report_page(session, wanted, after, limit=_ROWS_A_PAGE, show_hashes=show_hashes)

    return _Rows(ReportRow, read)


def _cases(since: datetime | None, until: datetime | None) -> _Rows[OpeningPlace]:
    def read(session: Session, after: OpeningPlace | None) -> _Page[OpeningPlace]:
        wanted = CaseFilter(since=since, until=until, limit=_ROWS_A_PAGE)
        found = list(read_cases_by_opening(session, wanted, after))
        last = found[-1].row if len(found) == _ROWS_A_PAGE else None
        following = None if last is None else OpeningPlace(last.opened_at, last.key)
        return list(case_rows(session, found)), following

    return _Rows(CaseRow, read)


def _pieces(report: ReportFormat, rows: _Rows[Any], reading: Reading) -> Iterator[str]:
    """Yield the report in pieces that are large enough to send."""
    parts: list[str] = []
    size = 0
    for part in report.pieces(rows.kind, _paged(rows, reading)):
        parts.append(part)
        size += len(part)
        if size >= _PIECE_CHARACTERS:
            yield "".join(parts)
            parts.clear()
            size = 0
    yield "".join(parts)


def _paged(rows: _Rows[Any], reading: Reading) -> Iterator[Any]:
    """Yield the rows, page by page, so that a slow reader occupies no database connection."""
    after: Any = None
    while True:
        with reading() as session:
            page, after = rows.read(session, after)
        yield from page
        if after is None:
            return
