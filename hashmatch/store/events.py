"""Upload events in the store: each is counted once, however often a broker delivers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .engine import affected_rows, as_table, insert_rows, is_sqlite, upsert_into
from .matches import add_daily_counts
from .schema import CountedEvent

# By its keyed digest, each event with its outcome and reason (empty for clear).
Events = Mapping[bytes, tuple[str, str]]


def count_events(session: Session, events: Events, today: date) -> int:
    """Add events that did not match to the daily counts, and return how many of them were new."""
    table = as_table(CountedEvent)
    new = upsert_into(table, is_sqlite=is_sqlite(session)).on_conflict_do_nothing()
    rows = [{"digest": one, "counted_on": today} for one in sorted(events)]
    added = insert_rows(session, new.returning(table.c.digest), rows)
    counts = Counter(events[bytes(digest)] for (digest,) in added)
    add_daily_counts(session, {(today, *one): number for one, number in counts.items()})
    return counts.total()


def remove_old_events(session: Session, before: date, *, limit: int) -> int:
    """Forget some of the events that were counted before a day; return how many."""
    table = as_table(CountedEvent)
    old = select(table.c.digest).where(table.c.counted_on < before).limit(limit)
    return affected_rows(session, delete(table).where(table.c.digest.in_(old)))
