"""Routes of reports and safeguards: chosen, shown with their figures, and downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.regulators import Form as RegulatorForm
from hashmatch.regulators import Regulator
from hashmatch.reports import (
    SCHEDULED_FORMS,
    Every,
    ReportWanted,
    can_typeset,
    period_of,
    read_figures,
    record_export,
    transparency,
)
from hashmatch.store.lists import read_lists
from hashmatch.store.prompts import read_prompt_totals
from hashmatch.store.safeguards import read_gate_totals, read_safeguards
from hashmatch.store.schedules import (
    add_schedule,
    read_made_report,
    read_made_reports,
    read_schedules,
    remove_schedule,
)
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope

from ..api.regulators import make_for_regulator
from ..api.reports import Form, make_report
from ..runtime.state import state_of
from .forms import RequireForm, RequirePerson, Submission
from .pages import HEADERS, go, page
from .people import Person

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(Scope.EXPORT, Scope.AUDIT))]
Exporting = Annotated[Submission, Depends(RequireForm(Scope.EXPORT, Scope.AUDIT))]
Scheduling = Annotated[Submission, Depends(RequireForm(Scope.EXPORT))]
SafeguardReader = Annotated[Person, Depends(RequirePerson(Scope.SENIOR, Scope.ADMIN, Scope.AUDIT))]
# A case's own report is on its page.
_FORMS = tuple(one for one in get_args(Form) if one != "cybertip")
_MAX_NAME, _MADE = 100, 50
_TYPES = {"html": "text/html", "pdf": "application/pdf", "transparency": "application/json"}
_ENDINGS = {"html": "html", "pdf": "pdf", "transparency": "json"}


def months(today: date) -> dict[str, tuple[date, date]]:
    """Return the periods that people ask for, as first day and the day after the last."""
    this = today.replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    quarter = today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    before = (quarter - timedelta(days=1)).replace(day=1)
    last_quarter = before.replace(month=(before.month - 1) // 3 * 3 + 1)
    return {
        "this-month": (this, today + timedelta(days=1)),
        "last-month": (last, this),
        "last-quarter": (last_quarter, quarter),
        "last-year": (date(today.year - 1, 1, 1), date(today.year, 1, 1)),
    }


def _possible(forms: Iterable[str]) -> list[str]:
    """Return the forms that this installation can make."""
    return [one for one in forms if one != "pdf" or can_typeset()]


@router.get("/reports")
async def reports(request: Request, person: Reader) -> Response:
    """Show the figures of a period, and the reports that can be made of it."""
    service, query = state_of(request), request.query_params
    periods = months(utc_now().date())
    name = query.get("period", "this-month")
    since, until = periods.get(name, periods["this-month"])
    since = _day(query.get("since", "")) or since
    until = _day(query.get("until", "")) or until

    def read() -> dict[str, Any]:
        with service.reading() as session:
            figures = read_figures(session, midnight(since), midnight(until))
            schedules = read_schedules(session)
            return {
                "figures": transparency(figures),
                "lists": [one.name for one in read_lists(session)],
                "schedules": schedules,
                "names": {one.key: one.name for one in schedules},
                "made": read_made_reports(session, limit=_MADE),
            }

    facts = {
        **await service.reports.admit(read),
        "SCHEDULED": _possible(SCHEDULED_FORMS),
        "EVERY": [one.value for one in Every],
        "since": since.isoformat(),
        "until": until.isoformat(),
        "period": name if name in periods else "",
        "periods": periods,
        "FORMS": _possible(_FORMS),
        "REGULATOR_FORMS": _possible(("html", "pdf", "json", "csv", "zip")),
        "REGULATORS": [one.value for one in Regulator],
        "may_hashes": person.may(Scope.EXPORT),
    }
    return page(request, "reports", facts)


@router.post("/reports/file")
async def report_file(request: Request, sent: Exporting) -> Response:
    """Make a report to download, which is recorded."""
    fields, person = sent.fields, sent.person
    form = fields.text("format")
    if form not in _FORMS:
        raise InputError("format: there is no such choice")
    show_hashes = fields.is_set("show_hashes")
    if show_hashes and not person.may(Scope.EXPORT):
        raise InputError("hash values need the scope export")
    since, until = _day(fields.text("since")), _day(fields.text("until"))
    wanted = ReportWanted(
        form,
        fields.text("of") if form in ("csv", "jsonl") and fields.text("of") else "matches",
        None if since is None else midnight(since),
        None if until is None else midnight(until),
        fields.text("list") or None,
        show_hashes=show_hashes,
    )
    if wanted.of not in ("matches", "cases"):
        raise InputError("of: there is no such choice")
    answer = await make_report(state_of(request), person.audit_name, wanted)
    if form in _ENDINGS:
        name = f"hashmatch-{fields.text('since')}.{_ENDINGS[form]}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@router.post("/reports/regulator")
async def regulator_file(request: Request, sent: Exporting) -> Response:
    """Make a report to a regulator to download, which is recorded."""
    fields, person = sent.fields, sent.person
    since, until = _day(fields.text("since")), _day(fields.text("until"))
    if since is None or until is None:
        raise InputError("a report to a regulator is of a period: give its first day and its end")
    try:
        regulator = Regulator(fields.text("regulator"))
        form = RegulatorForm(fields.text("format"))
    except ValueError:
        raise InputError("regulator, format: there is no such choice") from None
    service = state_of(request)
    return await make_for_regulator(
        service, person.audit_name, regulator, form, midnight(since), midnight(until)
    )


@router.post("/reports/schedules")
def schedule(request: Request, sent: Scheduling) -> Response:
    """Have a report of figures made of each day, week or month, or no more."""
    fields, person = sent.fields, sent.person
    with state_of(request).database.writing(person.audit_name) as session:
        if fields.text("remove"):
            remove_schedule(session, fields.number("remove"))
            return go("/reports", done="removed")
        name, form, every = fields.text("name"), fields.text("format"), fields.text("every")
        if form not in SCHEDULED_FORMS or every not in {one.value for one in Every}:
            raise InputError("format, every: there is no such choice")
        if len(name) > _MAX_NAME:
            raise InputError(f"the name has more than {_MAX_NAME} characters")
        first, _ = period_of(Every(every), utc_now().date())
        # The period before is over, and made at once.
        before, _ = period_of(Every(every), first - timedelta(days=1))
        add_schedule(session, name, form, every, person.name, before)
    return go("/reports", done="saved")


@router.post("/reports/made")
def made_report(request: Request, sent: Exporting) -> Response:
    """Send a report that was made of a schedule, which is recorded."""
    service = state_of(request)
    with service.reading() as session:
        found, made, data = read_made_report(session, sent.fields.number("report"))
    facts = {"format": found.form, "schedule": found.name, "since": made.since.isoformat()}
    record_export(service.database, sent.person.audit_name, facts)
    name = f"hashmatch-{made.since.isoformat()}.{_ENDINGS[found.form]}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **HEADERS}
    return Response(data, media_type=_TYPES[found.form], headers=headers)


@router.get("/safeguards")
def safeguards(request: Request, _: SafeguardReader) -> Response:
    """Show what gates before generators decided, and their safeguards as they changed."""
    first_day = _day(request.query_params.get("since", "")) or (
        utc_now().date() - timedelta(days=30)
    )
    with state_of(request).reading() as session:
        facts = {
            "since": first_day.isoformat(),
            "gates": read_gate_totals(session, first_day, None),
            "prompts": read_prompt_totals(session, first_day, None),
            "safeguards": list(read_safeguards(session, midnight(first_day), None)),
        }
    return page(request, "safeguards", facts)


def _day(text: str) -> date | None:
    """Return a day that a form names, None for none. Raises `InputError`."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise InputError("a day is written as 2026-01-31") from None
    if not 1900 <= found.year <= 9000:
        raise InputError("a day has to be of the years 1900 to 9000")
    return found


def midnight(day: date) -> datetime:
    """Return the beginning of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
