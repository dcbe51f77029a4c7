"""Figures of the register, as regulators ask for them, and those of the period before."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.store.notices import CLOSED, read_received
from hashmatch.store.schema import Notice, NoticeState, utc_now

from .clock import hours_taken, is_in_time, is_overdue
from .views import moment

DEFINITIONS: Mapping[str, str] = {
    "received": "requests that were received in the period; all other figures are of these",
    "valid": "those that had every part of a valid request, then or later",
    "incomplete": "those that still lack a part, and are open",
    "closed": "valid requests that have an outcome",
    "closed_in_time": "those of them that were closed until they were due",
    "closed_late": "those of them that were closed later",
    "removed_in_time": "valid requests whose image was removed until they were due",
    "open": "valid requests that have no outcome yet",
    "overdue": "those of them that are past their due time",
    "median_hours": "median of the hours from a valid request to its outcome",
    "longest_hours": "the most of these hours",
    "by_outcome": "all requests that have an outcome, by it, those that lacked a part among them",
    "by_reason": "refused requests by reason",
    "copies_found": "known identical copies that were found, as far as they were counted",
    "copies_removed": "those of them that were removed",
    "requesters_notified": "requests of which the requester was notified",
}


@dataclass(frozen=True, slots=True)
class NoticeFigures:
    """Figures of the requests that were received in a period; `DEFINITIONS` says of each what."""

    since: datetime | None
    until: datetime | None
    written_at: datetime
    numbers: Counter[str] = field(default_factory=Counter)
    hours: list[float] = field(default_factory=list)
    by_outcome: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name, with all that are zero."""
        counted = {name: self.numbers[name] for name in DEFINITIONS if name not in _NOT_COUNTED}
        return {
            "since": moment(self.since),
            "until": moment(self.until),
            **counted,
            "median_hours": _rounded(statistics.median(self.hours) if self.hours else None),
            "longest_hours": _rounded(max(self.hours, default=None)),
            "by_outcome": {one.value: self.by_outcome[one] for one in CLOSED},
            "by_reason": dict(sorted(self.by_reason.items())),
        }


_NOT_COUNTED = ("median_hours", "longest_hours", "by_outcome", "by_reason")


def read_notice_figures(
    session: Session, since: datetime | None, until: datetime | None
) -> NoticeFigures:
    """Return the figures of a period, read from every notice that was received in it."""
    figures = NoticeFigures(since, until, utc_now())
    for one in read_received(session, since, until):
        _count(figures, one)
    return figures


def notice_figures_before(session: Session, figures: NoticeFigures) -> NoticeFigures | None:
    """Return the figures of the period of the same length before; None where it has no length."""
    if figures.since is None:
        return None
    length = (figures.until or figures.written_at) - figures.since
    try:
        return read_notice_figures(session, figures.since - length, figures.since)
    except OverflowError:  # Before the first year that there is.
        return None


def figures_document(session: Session, figures: NoticeFigures) -> dict[str, Any]:
    """Return figures with those of the period before, and the meaning of each."""
    before = notice_figures_before(session, figures)
    return {
        "written_at": moment(figures.written_at),
        "definitions": dict(DEFINITIONS),
        "figures": figures.as_json(),
        "before": None if before is None else before.as_json(),
    }


def _count(figures: NoticeFigures, one: Notice) -> None:
    numbers, is_valid = figures.numbers, one.completed_at is not None
    numbers["received"] += 1
    numbers["valid"] += is_valid
    numbers["incomplete"] += one.state == NoticeState.INCOMPLETE
    numbers["open"] += one.state == NoticeState.VALID
    numbers["overdue"] += is_overdue(one, figures.written_at)
    in_time, hours = is_in_time(one), hours_taken(one)
    if in_time is not None:
        numbers["closed"] += 1
        numbers["closed_in_time" if in_time else "closed_late"] += 1
        numbers["removed_in_time"] += in_time and one.state == NoticeState.REMOVED
    if hours is not None:
        # One that was closed before its last part came took no time.
        figures.hours.append(max(0.0, hours))
    if one.closed_at is not None:
        figures.by_outcome[one.state] += 1
    if one.reason:
        figures.by_reason[one.reason] += 1
    numbers["copies_found"] += one.copies_found or 0
    numbers["copies_removed"] += one.copies_removed or 0
    numbers["requesters_notified"] += one.requester_notified_at is not None


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 2)
