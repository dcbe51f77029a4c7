"""Route of reports to regulators, as on the command line."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.regulators import (
    MEDIA_TYPES,
    Form,
    Regulator,
    Span,
    document_of,
    make_regulator_report,
    require_form,
)
from hashmatch.reports import record_export

from ..runtime.state import ServiceState, state_of
from .actors import audit_name_of
from .answers import error_responses
from .periods import FROM, UP_TO, End, Start
from .reports import ExportToken

router = APIRouter(tags=["records"])
# A page that runs nothing and loads nothing.
_PAGE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


@router.get(
    "/v1/reports/regulators/{regulator}",
    response_class=Response,
    responses={
        **error_responses(HTTPStatus.BAD_REQUEST),
        200: {
            "description": "The report",
            "content": {one.partition(";")[0]: {} for one in MEDIA_TYPES.values()},
        },
    },
)
async def regulator_report(
    request: Request,
    token: ExportToken,
    regulator: Regulator,
    since: Annotated[Start, FROM],
    until: Annotated[End, UP_TO],
    form: Annotated[
        Form, Query(alias="format", description="zip: the parts of the DSA's template.")
    ] = Form.JSON,
) -> Response:
    """Report a period to a regulator, with definitions and the period before; it is recorded.

    Two reports are made at a time.
    """
    service = state_of(request)
    return await make_for_regulator(service, audit_name_of(token), regulator, form, since, until)


async def make_for_regulator(
    service: ServiceState,
    actor: str,
    regulator: Regulator,
    form: Form,
    since: datetime,
    until: datetime,
) -> Response:
    """Return a report; the export is recorded before.

    Raises `InputError` for a period or form that there is not, and `OverloadedError`.
    """
    require_form(regulator, form)
    span = Span(since, until)
    return await service.reports.admit(partial(_make, service, actor, regulator, form, span))


def _make(
    service: ServiceState, actor: str, regulator: Regulator, form: Form, span: Span
) -> Response:
    facts = {
        "format": form.value,
        "regulator": regulator.value,
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
    }
    record_export(service.database, actor, facts)
    with service.reading() as session:
        made = make_regulator_report(session, service.settings, regulator, span)
    name = f"{regulator.value}-{span.since:%Y-%m-%d}.{form.value}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if form is Form.HTML:
        headers |= _PAGE
    return Response(document_of(made, form), media_type=MEDIA_TYPES[form], headers=headers)
