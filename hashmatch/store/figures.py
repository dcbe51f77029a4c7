"""Figures of a period, counted by the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from .evaluations import IS_NEAR
from .schema import Case, HashList, MatchRecord, NCMECReport, utc_now


@dataclass(frozen=True, slots=True)
class MatchFigures:
    """Counts of matches; those of (name, number) are in descending order.

    Near matches are in `near`, and content items with no other in `near_contents`, alone.
    """

    matches: int
    contents: int
    near: int
    near_contents: int
    by_list: list[tuple[str, int]]
    by_category: list[tuple[str, int]]
    by_action: list[tuple[str, int]]
    by_day: Counter[date]


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """Counts of cases opened in a period, with the hours from opening to decision, sorted.

    `ncmec_reports` are those finished in the period, none to NCMEC's test server among them.
    """

    by_state: list[tuple[str, int]]
    hours_to_decision: list[float]
    overdue: int
    reopened: int
    ncmec_reports: int


def read_match_figures(
    session: Session, since: datetime | None, until: datetime | None
) -> MatchFigures:
    """Return the figures of the matches of a period; the matches stay in the database."""
    period = _within(MatchRecord.matched_at, since, until)
    matched = [*period, ~IS_NEAR]
    every = session.scalar(_count_contents(period)) or 0
    contents = session.scalar(_count_contents(matched)) or 0
    named = select(HashList.name, func.count()).join(
        MatchRecord, MatchRecord.list_key == HashList.key
    )
    return MatchFigures(
        matches=session.scalar(select(func.count(MatchRecord.key)).where(*matched)) or 0,
        contents=contents,
        near=session.scalar(select(func.count(MatchRecord.key)).where(*period, IS_NEAR)) or 0,
        near_contents=every - contents,
        by_list=_grouped(session, named.where(*matched), HashList.name),
        by_category=_count_matches(session, MatchRecord.category, matched),
        by_action=_count_matches(session, MatchRecord.action, matched),
        by_day=_count_days(session, matched),
    )


def _count_contents(conditions: Sequence[ColumnElement[bool]]) -> Select[int]:
    return select(func.count(func.distinct(MatchRecord.content_key))).where(*conditions)


def read_case_figures(
    session: Session,
    since: datetime | None,
    until: datetime | None,
    *,
    pending: Sequence[str],
) -> CaseFigures:
    """Return the figures of the cases of a period; `pending` states can be overdue."""
    opened = _within(Case.opened_at, since, until)
    overdue = select(func.count()).where(*opened, Case.state.in_(pending), Case.due_at < utc_now())
    reports = select(func.count()).where(
        *_within(NCMECReport.finished_at, since, until),
        NCMECReport.finished_at.is_not(None),
        NCMECReport.is_test.is_(False),
    )
    by_state = select(Case.state, func.count()).where(*opened)
    return CaseFigures(
        by_state=_grouped(session, by_state, Case.state),
        hours_to_decision=sorted(_read_hours(session, opened)),
        overdue=session.scalar(overdue) or 0,
        reopened=session.scalar(select(func.count()).where(*opened, Case.reopened > 0)) or 0,
        ncmec_reports=session.scalar(reports) or 0,
    )


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


def _count_days(session: Session, matched: Sequence[ColumnElement[bool]]) -> Counter[date]:
    day = func.date(MatchRecord.matched_at)
    rows = session.execute(select(day, func.count()).where(*matched).group_by(day))
    return Counter({date.fromisoformat(str(row[0])): row[1] for row in rows})


def _read_hours(session: Session, opened: Sequence[ColumnElement[bool]]) -> list[float]:
    query = select(Case.opened_at, Case.decided_at).where(*opened, Case.decided_at.is_not(None))
    return [
        (decided - begun).total_seconds() / 3600
        for begun, decided in session.execute(query.execution_options(yield_per=5_000))
        if decided is not None
    ]
