"""The clock of a notice: from when it runs, when it is due, and whether that was met.

All of it is elapsed time between moments in UTC: no clock change and no leap day makes it shorter
or longer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hashmatch.errors import InputError
from hashmatch.store.schema import Notice, NoticeState, utc_moment, utc_now

# Clocks of two hosts differ by less.
_SKEW = timedelta(minutes=5)


def this_second() -> datetime:
    """Return the time now to the second, as times are written: one that was read can be given."""
    return utc_now().replace(microsecond=0)


def due_after(completed_at: datetime, hours: float) -> datetime:
    """Return when a request is due that became valid at a moment, in UTC."""
    # In its own zone Python would add hours of the wall clock, of which a day may have 23 or 25.
    return utc_moment(completed_at) + timedelta(hours=hours)


def require_passed(moment: datetime, now: datetime, *, name: str) -> None:
    """Raise `InputError` for a time that is yet to come: it would give more time than there is."""
    if moment > now + _SKEW:
        raise InputError(f"{name} is in the future")


def require_order(earlier: datetime, later: datetime, *, names: tuple[str, str]) -> None:
    """Raise `InputError` where the later of two times is before the earlier one."""
    # What is not given is the time now to the second, in which the earlier one may be, too.
    if later < earlier.replace(microsecond=0):
        raise InputError(f"{names[1]} is before {names[0]}")


def is_overdue(notice: Notice, now: datetime) -> bool:
    """Say whether a notice waits although its time is over."""
    return notice.state == NoticeState.VALID and notice.due_at is not None and notice.due_at < now


def is_in_time(notice: Notice) -> bool | None:
    """Say whether a valid request was closed in time; None of one that has no clock, or is open."""
    if notice.due_at is None or notice.closed_at is None:
        return None
    return notice.closed_at <= notice.due_at


def hours_taken(notice: Notice) -> float | None:
    """Return the hours from a valid request to its outcome; None of one without either."""
    if notice.completed_at is None or notice.closed_at is None:
        return None
    return (notice.closed_at - notice.completed_at) / timedelta(hours=1)
