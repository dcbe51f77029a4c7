"""The daily counts: the only trace of an image that did not match."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from .base import upsert
from .database import Database
from .models import DailyCount

_FLUSH_EVERY_S = 1.0

# Day, outcome, reason (empty for clear).
_Tallied = tuple[date, str, str]


class Tally:
    """Counts in memory and adds them to the store about once a second and at the end.

    A commit for each clear image would cost more than the scan. What a killed process loses is
    the count of its last second, never a match.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Counter[_Tallied] = Counter()
        self._lock = threading.Lock()
        self._flushed_at = time.monotonic()
        self._failure: StoreError | None = None
        self._failed_at = 0.0

    def add(self, day: date, outcome: str, reason: str = "") -> None:
        """Count one image, in memory."""
        with self._lock:
            self._counts[day, outcome, reason] += 1

    def flush_if_due(self) -> None:
        """Flush about once a second. Raises `StoreError`; then nothing is lost."""
        now = time.monotonic()
        # Where the store is away, nobody waits for it in turn: one of them tries, once a second.
        if self._failure is not None and now - self._failed_at < _FLUSH_EVERY_S:
            raise StoreError(self._failure.message, hint=self._failure.hint)
        if now - self._flushed_at >= _FLUSH_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Add what was counted to the store. Raises `StoreError`; then nothing is lost."""
        with self._lock:
            if not self._counts:
                return
            try:
                with self._database.writing() as session:
                    # In one order, so that two processes never wait for each other's rows.
                    for tallied, number in sorted(self._counts.items()):
                        _add_to_store(session, tallied, number)
            except StoreError as error:
                self._failure, self._failed_at = error, time.monotonic()
                raise
            self._failure = None
            self._counts.clear()
            self._flushed_at = time.monotonic()


def read_daily_counts(
    session: Session, since: date | None = None, until: date | None = None
) -> dict[tuple[str, str], int]:
    """Return how often each (outcome, reason) was counted on the days `since` to `until`."""
    query = select(DailyCount.outcome, DailyCount.reason, func.sum(DailyCount.count))
    if since is not None:
        query = query.where(DailyCount.day >= since)
    if until is not None:
        query = query.where(DailyCount.day <= until)
    query = query.group_by(DailyCount.outcome, DailyCount.reason)
    return {(outcome, reason): number for outcome, reason, number in session.execute(query)}


def _add_to_store(session: Session, tallied: _Tallied, number: int) -> None:
    day, outcome, reason = tallied
    new = upsert(session, DailyCount).values(day=day, outcome=outcome, reason=reason, count=number)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["day", "outcome", "reason"],
            set_={"count": DailyCount.count + number},
        )
    )
