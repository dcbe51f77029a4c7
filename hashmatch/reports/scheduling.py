"""Scheduled reports: figures of each day, week or month, made once it is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import assert_never

from hashmatch.store.engine import Database
from hashmatch.store.schedules import Schedule, read_schedules, save_made_report
from hashmatch.store.schema import utc_now

from .figures import figures_before, read_figures, transparency
from .summary import html_summary, pdf_summary

# Those of figures alone: tables name content, which retention removes.
SCHEDULED_FORMS = ("html", "pdf", "transparency")
# Periods that passed while nothing ran are made up for, so many at a time.
_AT_ONCE = 12


class Every(StrEnum):
    """Length of the periods of a schedule."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def period_of(every: Every, day: date) -> tuple[date, date]:
    """Return the first day of the period that has a day, and the day after its last."""
    match every:
        case Every.DAY:
            return day, day + timedelta(days=1)
        case Every.WEEK:
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=7)
        case Every.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)
        case _:
            assert_never(every)


def make_due_reports(database: Database, platform: str, now: datetime | None = None) -> int:
    """Make the reports whose periods are over, and return their number.

    Raises `StoreError`, and `ConfigError` where one needs an extra.
    """
    today = (now or utc_now()).astimezone(UTC).date()
    with database.reading() as session:
        schedules = read_schedules(session)
    return sum(_make(database, one, platform, today) for one in schedules)


def _make(database: Database, schedule: Schedule, platform: str, today: date) -> int:
    """Make what is due of a schedule, and return the number of reports."""
    for made in range(_AT_ONCE):
        since, until = period_of(Every(schedule.every), schedule.next_day)
        if until > today:
            return made
        data = _document(database, schedule.form, since, until, platform)
        with database.writing("hashmatch") as session:
            if not save_made_report(session, schedule, until, data):
                return made
        schedule = replace(schedule, next_day=until)
    return _AT_ONCE


def _document(database: Database, form: str, since: date, until: date, platform: str) -> bytes:
    with database.reading() as session:
        figures = read_figures(session, _midnight(since), _midnight(until))
        before = figures_before(session, figures)
    if form == "pdf":
        return pdf_summary(figures, before, platform=platform)
    if form == "html":
        return html_summary(figures, before, platform=platform).encode()
    return json.dumps(transparency(figures), indent=2).encode()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
