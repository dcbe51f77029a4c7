"""Daily counts: the only trace of an image that did not match."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hashmatch.errors import StoreLockedError

from ..engine import Database, upsert
from ..schema import DailyCount

_FLUSH_EVERY_S = 1.0
# How often the last counts are tried at the end, where the store is busy.
_LAST_ATTEMPTS = 3
# Day, outcome, reason (empty for clear).
_Tallied = tuple[date, str, str]


class Tally:
    """Counts in memory, which a thread of its own adds to the store about once a second.

    A commit for each clear image would cost more than the scan, and a store that is busy must not
    keep anybody from a verdict. What could not be written is kept and tried again. A killed process
    loses the counts of its last second, never a match.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Counter[_Tallied] = Counter()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._has_counts = threading.Event()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, day: date, outcome: str, reason: str = "") -> None:
        """Count one image, in memory."""
        with self._lock:
            self._counts[day, outcome, reason] += 1
            # A thread does not survive a fork.
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._has_counts.set()

    def flush(self) -> None:
        """Add what was counted to the store. Raises `StoreError`; then nothing is lost."""
        with self._flushing:
            self._flush()

    def close(self) -> None:
        """End the thread and write the last counts. Raises `StoreError`, after a few attempts."""
        self._is_closed.set()
        self._has_counts.set()
        for attempt in range(_LAST_ATTEMPTS):
            try:
                self.flush()
                break
            except StoreLockedError:
                if attempt == _LAST_ATTEMPTS - 1:
                    raise

    def _start(self) -> None:
        name = "hashmatch-counts"
        self._thread = threading.Thread(target=self._flush_regularly, name=name, daemon=True)
        self._thread.start()

    def _flush_regularly(self) -> None:
        while self._has_counts.wait() and not self._is_closed.wait(_FLUSH_EVERY_S):
            self._has_counts.clear()
            try:
                self.flush()
            except Exception:  # noqa: BLE001 (kept and tried again; screening notices a lost store)
                self._has_counts.set()

    def _flush(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        # In one order, so that two processes never wait for each other's rows.
        rows = [
            {"day": day, "outcome": outcome, "reason": reason, "count": number}
            for (day, outcome, reason), number in sorted(counts.items())
        ]
        try:
            with self._database.writing() as session:
                _add_to_store(session, rows)
        except BaseException:
            with self._lock:
                self._counts.update(counts)
            raise


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


def _add_to_store(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    new = upsert(session, DailyCount)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["day", "outcome", "reason"],
            set_={"count": DailyCount.count + new.excluded.count},
        ),
        rows,
    )
