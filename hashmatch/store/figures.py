"""Figures of a period, from sums that the database keeps: they cost days to read, not rows.

Days that a period holds in part are counted row by row, by their times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select
from sqlalchemy.orm import Session

from .evaluations import IS_NEAR
from .schema import Case, Content, Figure, HashList, MatchRecord, NCMECReport, utc_now

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEAR = case((IS_NEAR, 1), else_=0)


@dataclass(frozen=True, slots=True)
class MatchFigures:
    """Counts of matches; those of (name, number) are in descending order.

    Near matches are in `near` alone. `contents` are the content items whose first match is of the
    period, `near_contents` those with near ones only, whose first is.
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
    """Counts of cases opened in a period.

    `hours_to_decision` are (hours from opening to decision, number of cases), sorted; the hours of
    several cases are their mean, and differ by 3 % at most. `ncmec_reports` are those finished in
    the period, none to NCMEC's test server among them.
    """

    by_state: list[tuple[str, int]]
    hours_to_decision: list[tuple[float, int]]
    overdue: int
    reopened: int
    ncmec_reports: int


@dataclass(frozen=True, slots=True)
class _Period:
    """A period as whole UTC days, `end` not included, and the parts of days at its ends."""

    has_days: bool
    first: date | None
    end: date | None
    parts: tuple[tuple[datetime, datetime], ...]

    def days(self, figure: str) -> list[ColumnElement[bool]]:
        """Return the conditions for a figure of the whole days."""
        found: list[ColumnElement[bool]] = [Figure.figure == figure]
        if self.first is not None:
            found.append(Figure.day >= self.first)
        if self.end is not None:
            found.append(Figure.day < self.end)
        return found

    def within_days(self, column: Any) -> list[ColumnElement[bool]]:
        """Return the conditions for rows of the whole days."""
        found: list[ColumnElement[bool]] = []
        if self.first is not None:
            found.append(column >= _midnight(self.first))
        if self.end is not None:
            found.append(column < _midnight(self.end))
        return found


def _split(since: datetime | None, until: datetime | None) -> _Period:
    since, until = (None if one is None else one.astimezone(UTC) for one in (since, until))
    first = end = None
    parts = []
    if since is not None:
        first = since.date() + timedelta(days=since > _midnight(since.date()))
    if until is not None:
        end = until.date()
    if since is not None and until is not None and until <= _midnight(first or since.date()):
        return _Period(has_days=False, first=first, end=end, parts=((since, until),))
    if since is not None and first is not None and since < _midnight(first):
        parts.append((since, _midnight(first)))
    if until is not None and end is not None and _midnight(end) < until:
        parts.append((_midnight(end), until))
    return _Period(has_days=True, first=first, end=end, parts=tuple(parts))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def read_match_figures(
    session: Session, since: datetime | None, until: datetime | None
) -> MatchFigures:
    """Return the figures of the matches of a period."""
    period = _split(since, until)
    by_list, by_category, by_action = Counter[int](), Counter[str](), Counter[str]()
    near = 0
    for list_key, category, action, is_near, number in _read_kinds(session, period):
        if is_near:
            near += number
            continue
        by_list[list_key] += number
        by_category[category] += number
        by_action[action] += number
    names = {row.key: row.name for row in session.scalars(select(HashList))}
    return MatchFigures(
        matches=by_list.total(),
        contents=_count(session, period, "contents", Content.first_matched_at),
        near=near,
        near_contents=_count(
            session,
            period,
            "near_contents",
            Content.first_near_at,
            Content.first_matched_at.is_(None),
        ),
        by_list=[(names[key], number) for key, number in (+by_list).most_common()],
        by_category=(+by_category).most_common(),
        by_action=(+by_action).most_common(),
        by_day=_count_days(session, period),
    )


def _read_kinds(session: Session, period: _Period) -> Iterator[tuple[int, str, str, int, int]]:
    """Yield (list, category, action, whether they are near, number) of matches."""
    part = (Figure.list_key, Figure.name, Figure.action, Figure.step)
    query = select(*part, _sum(Figure.number)).where(*period.days("matches"))
    if period.has_days:
        yield from session.execute(query.group_by(*part))
    kind = (MatchRecord.list_key, MatchRecord.category, MatchRecord.action, _NEAR)
    for begin, end in period.parts:
        rows = select(*kind, func.count()).where(*_within(MatchRecord.matched_at, begin, end))
        yield from session.execute(rows.group_by(*kind))


def _count_days(session: Session, period: _Period) -> Counter[date]:
    found = Counter[date]()
    if period.has_days:
        days = select(Figure.day, _sum(Figure.number)).where(
            *period.days("matches"), Figure.step == 0
        )
        found.update(dict(session.execute(days.group_by(Figure.day)).all()))
    for begin, end in period.parts:
        matched = _within(MatchRecord.matched_at, begin, end)
        number = session.scalar(select(func.count()).where(*matched, ~IS_NEAR))
        found[begin.date()] += number or 0
    return +found


def read_case_figures(
    session: Session,
    since: datetime | None,
    until: datetime | None,
    *,
    pending: Sequence[str],
) -> CaseFigures:
    """Return the figures of the cases of a period; `pending` states can be overdue."""
    period = _split(since, until)
    states = Counter[str]()
    reopened = 0
    for state, is_reopened, number in _read_states(session, period):
        states[state] += number
        reopened += number if is_reopened else 0
    return CaseFigures(
        by_state=(+states).most_common(),
        hours_to_decision=sorted(_read_hours(session, period)),
        overdue=_count_overdue(session, period, pending, utc_now()),
        reopened=reopened,
        ncmec_reports=_count(
            session,
            period,
            "ncmec_reports",
            NCMECReport.finished_at,
            NCMECReport.is_test.is_(False),
        ),
    )


def count_cases(session: Session) -> dict[str, int]:
    """Return the number of cases by state."""
    states = Counter[str]()
    for state, _, number in _read_states(session, _split(None, None)):
        states[state] += number
    return dict(+states)


def count_overdue(session: Session, pending: Sequence[str]) -> int:
    """Return the number of cases in `pending` states that are past their due time."""
    return _count_overdue(session, _split(None, None), pending, utc_now())


def _read_states(session: Session, period: _Period) -> Iterator[tuple[str, int, int]]:
    """Yield (state, whether they were reopened, number) of cases."""
    if period.has_days:
        part = (Figure.name, Figure.step)
        query = select(*part, _sum(Figure.number)).where(*period.days("cases"))
        yield from session.execute(query.group_by(*part))
    kind = (Case.state, case((Case.reopened > 0, 1), else_=0))
    for begin, end in period.parts:
        rows = select(*kind, func.count()).where(*_within(Case.opened_at, begin, end))
        yield from session.execute(rows.group_by(*kind))


def _count_overdue(session: Session, period: _Period, pending: Sequence[str], now: datetime) -> int:
    hours = (now - _EPOCH) // _HOUR
    total = 0
    late = (Case.state.in_(pending), Case.due_at < now)
    if period.has_days:
        earlier = (Figure.name.in_(pending), Figure.step < hours)
        total += _scalar(session, select(_sum(Figure.number)).where(*period.days("due"), *earlier))
        # Due within the present hour.
        since_then = Case.due_at >= _EPOCH + hours * _HOUR
        opened = period.within_days(Case.opened_at)
        total += _scalar(session, select(func.count()).where(*late, since_then, *opened))
    for begin, end in period.parts:
        opened = _within(Case.opened_at, begin, end)
        total += _scalar(session, select(func.count()).where(*late, *opened))
    return total


def _read_hours(session: Session, period: _Period) -> Iterator[tuple[float, int]]:
    if period.has_days:
        query = select(_sum(Figure.seconds), _sum(Figure.number))
        query = query.where(*period.days("decisions")).group_by(Figure.step)
        for seconds, number in session.execute(query):
            if number:
                yield float(seconds) / float(number) / 3600, int(number)
    for begin, end in period.parts:
        decided = select(Case.opened_at, Case.decided_at).where(
            *_within(Case.opened_at, begin, end), Case.decided_at.is_not(None)
        )
        for opened_at, decided_at in session.execute(decided.execution_options(yield_per=5_000)):
            if decided_at is not None:
                yield (decided_at - opened_at).total_seconds() / 3600, 1


def _count(
    session: Session, period: _Period, figure: str, column: Any, *more: ColumnElement[bool]
) -> int:
    """Return a figure of the whole days, and the number of such rows of the parts of days."""
    total = 0
    if period.has_days:
        total += _scalar(session, select(_sum(Figure.number)).where(*period.days(figure)))
    for begin, end in period.parts:
        rows = select(func.count()).where(*_within(column, begin, end), *more)
        total += _scalar(session, rows)
    return total


def _within(column: Any, begin: datetime, end: datetime) -> list[ColumnElement[bool]]:
    return [column >= begin, column < end]


def _sum(column: Any) -> ColumnElement[int]:
    # PostgreSQL's sum of long integers is a decimal number.
    return cast(func.sum(column), BigInteger)


def _scalar(session: Session, query: Select[Any]) -> int:
    return int(session.scalar(query) or 0)
