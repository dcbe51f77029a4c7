"""Figures of a period: images screened and matched, cases, and lists in use."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.store.figures import read_case_figures, read_match_figures
from hashmatch.store.lists import CHANGED, UNCHANGED, SyncFacts, read_lists, read_newest_runs
from hashmatch.store.matches import read_daily_counts
from hashmatch.store.schema import utc_now

# A chart with more columns is unreadable.
_MAX_COLUMNS = 62
_SUCCESSFUL = (CHANGED, UNCHANGED)
# States of cases that somebody still has to act on.
_PENDING = ("open", "in_review", "confirmed")


@dataclass(frozen=True, slots=True)
class ListFigures:
    """State of a list; `synced_at` is the time of its last successful sync, None without one."""

    name: str
    licensor: str
    generation: int
    active_entries: int
    changed_at: datetime
    synced_at: datetime | None
    licence_end: date | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a period; lists of (name, number) are in descending order of the number.

    Near matches are in `near` and `near_contents` alone. `by_time` is in chronological order.
    `contents` are those that matched first in the period. `p90_hours` is the time within which 90 %
    of the decided cases were decided.
    """

    since: datetime | None
    until: datetime | None
    written_at: datetime
    screened: Counter[str]
    unscreened: list[tuple[str, int]]
    matches: int
    contents: int
    near: int
    near_contents: int
    by_list: list[tuple[str, int]]
    by_category: list[tuple[str, int]]
    by_action: list[tuple[str, int]]
    by_time: list[tuple[str, int]]
    opened: int
    by_state: list[tuple[str, int]]
    decided: int
    median_hours: float | None
    p90_hours: float | None
    overdue: int
    reopened: int
    ncmec_reports: int
    lists: list[ListFigures]


def read_figures(session: Session, since: datetime | None, until: datetime | None) -> Figures:
    """Return the figures of a period, from sums that the database keeps."""
    matches = read_match_figures(session, since, until)
    cases = read_case_figures(session, since, until, pending=_PENDING)
    hours = cases.hours_to_decision
    decided = sum(number for _, number in hours)
    # Images are counted by day only; a period that ends at midnight does not include that day.
    last = None if until is None else (until - timedelta(microseconds=1)).date()
    daily = read_daily_counts(session, None if since is None else since.date(), last)
    screened, unscreened = Counter[str](), Counter[str]()
    for (outcome, reason), number in daily.items():
        screened[outcome] += number
        if outcome == "unscreened":
            unscreened[reason] += number
    # Daily counts leave out matched images, whose matches are recorded one by one.
    screened["matched"] = matches.contents
    screened["near"] = matches.near_contents
    return Figures(
        since=since,
        until=until,
        written_at=utc_now(),
        screened=screened,
        unscreened=unscreened.most_common(),
        matches=matches.matches,
        contents=matches.contents,
        near=matches.near,
        near_contents=matches.near_contents,
        by_list=matches.by_list,
        by_category=matches.by_category,
        by_action=matches.by_action,
        by_time=_over_time(matches.by_day),
        opened=sum(number for _, number in cases.by_state),
        by_state=cases.by_state,
        decided=decided,
        median_hours=_median(hours, decided) if decided else None,
        p90_hours=_nth(hours, math.ceil(0.9 * decided) - 1) if decided else None,
        overdue=cases.overdue,
        reopened=cases.reopened,
        ncmec_reports=cases.ncmec_reports,
        lists=_read_lists(session),
    )


def figures_before(session: Session, figures: Figures) -> Figures | None:
    """Return the figures of the period of the same length before; None where it has no length."""
    if figures.since is None:
        return None
    length = (figures.until or figures.written_at) - figures.since
    try:
        return read_figures(session, figures.since - length, figures.since)
    except OverflowError:  # Before the first year that there is.
        return None


def _median(hours: Sequence[tuple[float, int]], decided: int) -> float:
    return (_nth(hours, (decided - 1) // 2) + _nth(hours, decided // 2)) / 2


def _nth(hours: Sequence[tuple[float, int]], place: int) -> float:
    """Return the hours of the case at a place, from 0, among (hours, number of cases)."""
    ends = accumulate(number for _, number in hours)
    return next(one for (one, _), end in zip(hours, ends, strict=True) if place < end)


def transparency(figures: Figures) -> dict[str, Any]:
    """Return the counts for transparency reports; they name no content."""
    states = dict(figures.by_state)
    return {
        "since": _day(figures.since),
        "until": _day(figures.until),
        "written_at": figures.written_at.isoformat(timespec="seconds"),
        "images_screened": sum(figures.screened.values()),
        "images_clear": figures.screened["clear"],
        "images_matched": figures.screened["matched"],
        "images_only_near": figures.screened["near"],
        "images_unscreened": figures.screened["unscreened"],
        "matches": figures.matches,
        "near_matches": figures.near,
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


def _over_time(counts: Counter[date]) -> list[tuple[str, int]]:
    """Return the matches by day, or by month where days would be too many columns."""
    if not counts:
        return []
    first, last = min(counts), max(counts)
    if (last - first).days < _MAX_COLUMNS:
        # Days without a match are columns, too, so that the axis is true to scale.
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [(one.isoformat(), counts[one]) for one in days]
    months = Counter[str]()
    for one, number in counts.items():
        months[one.isoformat()[:7]] += number
    return [(one, months[one]) for one in _months(first, last)][-_MAX_COLUMNS:]


def _months(first: date, last: date) -> list[str]:
    # Months are numbered from year 0, so that a range runs across the ends of years.
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
            _synced_at(runs.get(one.name, ())),
            one.licence_end,
        )
        for one in read_lists(session)
    ]


def _synced_at(runs: Sequence[SyncFacts]) -> datetime | None:
    return next((run.ended_at for run in runs if run.outcome in _SUCCESSFUL), None)


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 2)
