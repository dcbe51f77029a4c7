"""Daily counts: the only trace of an image that did not match."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from ..engine import Database, upsert
from ..schema import DailyCount

_FLUSH_EVERY_S = 1.0
_MAX_FLUSH_S = 3.0
# Day, outcome, reason (empty for clear).
_Tallied = tuple[date, str, str]


class Tally:
    """Counts in memory and adds them to the store about once a second and at the end.

    A commit for each clear image would cost more than the scan. A killed process loses the count
    of its last second, never a match. Counting never waits for the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Counter[_Tallied] = Counter()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        now_s = time.monotonic()
        self._flushed_at_s = self._begun_at_s = now_s
        self._failure: StoreError | None = None
        self._failed_at_s = 0.0

    def add(self, day: date, outcome: str, reason: str = "") -> None:
        """Count one image, in memory."""
        with self._lock:
            self._counts[day, outcome, reason] += 1

    def flush_if_due(self) -> None:
        """Flush about once a second, one thread for all. Raises `StoreError`; nothing is lost.

        It is also raised for a second after a failure, and while the store takes too long, so that
        no outcome is returned that could not have been counted.
        """
        now_s = time.monotonic()
        if (failure := self._failure) is not None and now_s - self._failed_at_s < _FLUSH_EVERY_S:
            raise StoreError(failure.message, hint=failure.hint)
        if now_s - self._flushed_at_s < _FLUSH_EVERY_S:
            return
        if self._flushing.acquire(blocking=False):
            try:
                self._flush()
            finally:
                self._flushing.release()
        elif now_s - self._begun_at_s > _MAX_FLUSH_S:
            raise StoreError("the database takes too long to answer", hint="Look at its host.")

    def flush(self) -> None:
        """Add what was counted to the store. Raises `StoreError`; then nothing is lost."""
        with self._flushing:
            self._flush()

    def _flush(self) -> None:
        self._begun_at_s = time.monotonic()
        with self._lock:
            counts, self._counts = self._counts, Counter()
        try:
            if counts:
                with self._database.writing() as session:
                    # In one order, so that two processes never wait for each other's rows.
                    for tallied, number in sorted(counts.items()):
                        _add_to_store(session, tallied, number)
        except BaseException as error:
            with self._lock:
                self._counts.update(counts)
            if isinstance(error, StoreError):
                self._failure, self._failed_at_s = error, time.monotonic()
            raise
        self._failure = None
        self._flushed_at_s = time.monotonic()


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


def _add_to_store(session: Session, tallied: _Tallied, number: int) -> None:
    day, outcome, reason = tallied
    new = upsert(session, DailyCount).values(day=day, outcome=outcome, reason=reason, count=number)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["day", "outcome", "reason"],
            set_={"count": DailyCount.count + number},
        )
    )
