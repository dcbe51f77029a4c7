"""Everything that is asked of the store about the duties of cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy.orm import Session

from benchmarks.filling import DAYS
from hashmatch.cybertip import ENDED
from hashmatch.store import duties, preservation
from hashmatch.store.retention import OldCases
from hashmatch.store.schema import utc_now

Ask: TypeAlias = Callable[[Session], object]
_MIDDLE = utc_now() - timedelta(days=DAYS / 2)
_ROWS = 100
OLD_CASES = (
    ("cases", OldCases(ENDED, "closed")),
    ("messaging", OldCases(ENDED, messaging=True)),
    ("all messaging", OldCases(ENDED, messaging=True, by_default=True)),
)


def asks_about_duties() -> Iterator[tuple[str, Ask]]:
    """Yield what is owed of cases."""
    yield "references", lambda session: duties.read_references(session, 7)
    yield "a reference", lambda session: duties.find_references(session, "r7", limit=_ROWS)
    yield "deadlines", lambda session: duties.read_deadlines(session, 7)
    yield "open deadlines", lambda session: duties.read_open_deadlines(session, limit=_ROWS)
    yield (
        "overdue deadlines",
        lambda session: duties.read_open_deadlines(session, before=_MIDDLE, limit=_ROWS),
    )
    yield "open appeals", lambda session: duties.read_open_appeals(session, limit=_ROWS)
    yield (
        "overdue appeals",
        lambda session: duties.read_open_appeals(session, before=_MIDDLE, limit=_ROWS),
    )
    yield "measures", lambda session: duties.read_measures(session, 7)
    yield "appeals", lambda session: duties.read_appeals(session, 7)
    yield "an open appeal", lambda session: duties.has_open_appeal(session, 7)
    yield "preserved content", lambda session: preservation.read_preserved(session, [7, 8])
    yield (
        "preservation checks",
        lambda session: preservation.read_preservation_checks(session, now=_MIDDLE, limit=_ROWS),
    )
    yield "deadlines to end", lambda session: duties.lock_open_deadlines(session, 7, ["nca"])
    yield "measures to lift", lambda session: duties.lock_measures_in_force(session, 7)
