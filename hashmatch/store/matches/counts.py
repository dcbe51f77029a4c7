"""Daily counts: the only trace of an image that did not match."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..engine import BufferedCounts, Database, upsert
from ..schema import DailyCount

# Day, outcome, reason (empty for clear).
_Tallied: TypeAlias = tuple[date, str, str]


class Tally(BufferedCounts[_Tallied]):
    """Counts of the images that were clear or unscreened, which reach the store soon."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, add_daily_counts, "hashmatch-counts")

    def add(self, day: date, outcome: str, reason: str = "") -> None:
        """Count one image, in memory."""
        self.count((day, outcome, reason))


def read_daily_counts(
    session: Session, since: date | None = None, until: date | None = None
) -> dict[tuple[str, str], int]:
    """Return the count of each (outcome, reason) on the days `since` to `until`."""
    query = select(DailyCount.outcome, DailyCount.reason, func.sum(DailyCount.count))
    if since is not None:
        query = query.where(DailyCount.day >= since)
    if until is not None:
        query = query.where(DailyCount.day <= until)
    query = query.group_by(DailyCount.outcome, DailyCount.reason)
    return {(outcome, reason): number for outcome, reason, number in session.execute(query)}


def read_counts_by_day(session: Session, since: date) -> dict[tuple[date, str], int]:
    """Return the count of each (day, outcome) from a day on."""
    query = select(DailyCount.day, DailyCount.outcome, func.sum(DailyCount.count))
    query = query.where(DailyCount.day >= since).group_by(DailyCount.day, DailyCount.outcome)
    return {(day, outcome): number for day, outcome, number in session.execute(query)}


def add_daily_counts(session: Session, counts: Mapping[_Tallied, int]) -> None:
    """Add to the counts of days, outcomes and reasons."""
    if not counts:
        return
    new = upsert(session, DailyCount)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["day", "outcome", "reason"],
            set_={"count": DailyCount.count + new.excluded.count},
        ),
        [
            {"day": day, "outcome": outcome, "reason": reason, "count": number}
            for (day, outcome, reason), number in counts.items()
        ],
    )
