"""The figures of a period: what was screened and matched, and what became of it."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from hashmatch.store.lists import CHANGED, UNCHANGED, read_lists, read_newest_runs
from hashmatch.store.matches import read_daily_counts
from hashmatch.store.schema import Case, HashList, MatchRecord, NCMECReport, utc_now

# What is charted: as many columns as can be told apart.
_MOST_COLUMNS = 62
_GOOD = (CHANGED, UNCHANGED)
_PENDING = ("open", "in_review", "confirmed")


@dataclass(frozen=True, slots=True)
class ListFigures:
    """How current a list is. `synced_at` is when it last followed its source, where it has one."""

    name: str
    licensor: str
    generation: int
    active_entries: int
    changed_at: datetime
    synced_at: datetime | None
    licence_end: date | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a period; counts of (name, number) are the greatest first."""

    since: datetime | None
    until: datetime | None
    written_at: datetime
    screened: Counter[str]
    unscreened: list[tuple[str, int]]
    matches: int
    contents: int
    by_list: list[tuple[str, int]]
    by_category: list[tuple[str, int]]
    by_action: list[tuple[str, int]]
    by_time: list[tuple[str, int]]
    opened: int
    by_state: list[tuple[str, int]]
    decided: int
    median_hours: float | None
    slow_hours: float | None
    overdue: int
    reopened: int
    ncmec_reports: int
    lists: list[ListFigures]


def read_figures(session: Session, since: datetime | None, until: datetime | None) -> Figures:
    """Return the figures of a period; the matches and cases themselves stay in the database."""
    matched, opened = (
        _within(MatchRecord.matched_at, since, until),
        _within(Case.opened_at, since, until),
    )
    hours = sorted(_read_hours(session, opened))
    last = None if until is None else (until - timedelta(microseconds=1)).date()
    daily = read_daily_counts(session, None if since is None else since.date(), last)
    screened, unscreened = Counter[str](), Counter[str]()
    for (outcome, reason), number in daily.items():
        screened[outcome] += number
        if outcome == "unscreened":
            unscreened[reason] += number
    by_state = _grouped(session, select(Case.state, func.count()).where(*opened), Case.state)
    contents = select(func.count(func.distinct(MatchRecord.content_key))).where(*matched)
    screened["matched"] = session.scalar(contents) or 0
    named = select(HashList.name, func.count()).join(
        MatchRecord, MatchRecord.list_key == HashList.key
    )
    overdue = select(func.count()).where(*opened, Case.state.in_(_PENDING), Case.due_at < utc_now())
    reports = select(func.count()).where(*_within(NCMECReport.finished_at, since, until))
    return Figures(
        since=since,
        until=until,
        written_at=utc_now(),
        screened=screened,
        unscreened=unscreened.most_common(),
        matches=session.scalar(select(func.count(MatchRecord.key)).where(*matched)) or 0,
        contents=screened["matched"],
        by_list=_grouped(session, named.where(*matched), HashList.name),
        by_category=_count_matches(session, MatchRecord.category, matched),
        by_action=_count_matches(session, MatchRecord.action, matched),
        by_time=_read_times(session, matched),
        opened=sum(number for _, number in by_state),
        by_state=by_state,
        decided=len(hours),
        median_hours=statistics.median(hours) if hours else None,
        slow_hours=hours[math.ceil(0.9 * len(hours)) - 1] if hours else None,
        overdue=session.scalar(overdue) or 0,
        reopened=session.scalar(select(func.count()).where(*opened, Case.reopened > 0)) or 0,
        ncmec_reports=session.scalar(reports.where(*_is_report())) or 0,
        lists=_read_lists(session),
    )


def transparency(figures: Figures) -> dict[str, Any]:
    """Return the counts that transparency reports ask for, without any name of content."""
    states = dict(figures.by_state)
    return {
        "since": _day(figures.since),
        "until": _day(figures.until),
        "written_at": figures.written_at.isoformat(timespec="seconds"),
        "images_screened": sum(figures.screened.values()),
        "images_clear": figures.screened["clear"],
        "images_matched": figures.screened["matched"],
        "images_unscreened": figures.screened["unscreened"],
        "matches": figures.matches,
        "matches_by_list": dict(figures.by_list),
        "matches_by_category": dict(figures.by_category),
        "cases_opened": figures.opened,
        "cases_by_state": states,
        "cases_decided": figures.decided,
        "cases_reopened": figures.reopened,
        "median_hours_to_decision": _rounded(figures.median_hours),
        "reports_to_ncmec": figures.ncmec_reports,
        "lists_used": [one.name for one in figures.lists],
    }


def _is_report() -> tuple[ColumnElement[bool], ...]:
    """Say what counts as a report to NCMEC: a finished one, and none to its test server."""
    return NCMECReport.finished_at.is_not(None), NCMECReport.is_test.is_(False)


def _within(
    column: Any, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(column >= since)
    if until is not None:
        found.append(column < until)
    return found


def _count_matches(
    session: Session, column: Any, matched: Sequence[ColumnElement[bool]]
) -> list[tuple[str, int]]:
    return _grouped(session, select(column, func.count()).where(*matched), column)


def _grouped(session: Session, query: Select[str, int], column: Any) -> list[tuple[str, int]]:
    rows = session.execute(query.group_by(column))
    return Counter({row[0]: row[1] for row in rows}).most_common()


def _read_hours(session: Session, opened: Sequence[ColumnElement[bool]]) -> list[float]:
    query = select(Case.opened_at, Case.decided_at).where(*opened, Case.decided_at.is_not(None))
    return [
        (decided - begun).total_seconds() / 3600
        for begun, decided in session.execute(query.execution_options(yield_per=5_000))
        if decided is not None
    ]


def _read_times(session: Session, matched: Sequence[ColumnElement[bool]]) -> list[tuple[str, int]]:
    """Return how many matches there were by day, or where those are too many by month."""
    day = func.date(MatchRecord.matched_at)
    rows = session.execute(select(day, func.count()).where(*matched).group_by(day))
    counts = Counter({date.fromisoformat(str(row[0])): row[1] for row in rows})
    if not counts:
        return []
    first, last = min(counts), max(counts)
    if (last - first).days < _MOST_COLUMNS:
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [(one.isoformat(), counts[one]) for one in days]
    months = Counter[str]()
    for one, number in counts.items():
        months[one.isoformat()[:7]] += number
    return [(one, months[one]) for one in _months(first, last)][-_MOST_COLUMNS:]


def _months(first: date, last: date) -> list[str]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers]


def _read_lists(session: Session) -> list[ListFigures]:
    runs = read_newest_runs(session)
    return [
        ListFigures(
            one.name,
            one.licensor,
            one.generation,
            one.active_entries,
            one.changed_at,
            next((run.ended_at for run in runs.get(one.name, ()) if run.outcome in _GOOD), None),
            one.licence_end,
        )
        for one in read_lists(session)
    ]


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 2)
