"""Cursors: places in the queue, and times as whole microseconds, without a sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hashmatch.errors import InputError
from hashmatch.store.cases import CasePlace
from hashmatch.store.notices import NoticePlace
from hashmatch.store.schema import NoticeState

# Of a place in the queue: priority, due time in microseconds since the epoch, key.
QUEUE_CURSOR = "^[0-9][.][0-9]{1,17}[.][0-9]{1,18}$"
# Of a place in the register of notices: state, time in microseconds since the epoch, key.
NOTICE_CURSOR = f"^({'|'.join(NoticeState)})[.][0-9]{{1,17}}[.][0-9]{{1,18}}$"

# Before any time on record.
_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_since_epoch(moment: datetime) -> int:
    """Return a moment as the microseconds since the epoch of cursors."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of_micros(micros: int) -> datetime:
    """Return the moment that a cursor names. Raises `InputError` beyond all times on record."""
    try:
        return _EPOCH + micros * _MICROSECOND
    except OverflowError as error:
        raise InputError("query.cursor: names no time") from error


def queue_cursor(place: CasePlace | None) -> str | None:
    """Return the cursor of a place in the queue.

    It holds the place and not the case, which may move before the next page is requested.
    """
    if place is None:
        return None
    return f"{place.priority}.{micros_since_epoch(place.due_at)}.{place.key}"


def queue_place(cursor: str) -> CasePlace:
    """Return the place of a cursor. Raises `InputError` beyond all times on record."""
    priority, since, key = map(int, cursor.split("."))
    return CasePlace(priority, moment_of_micros(since), key)


def notice_cursor(place: NoticePlace | None) -> str | None:
    """Return the cursor of a place in the register of notices."""
    if place is None:
        return None
    return f"{place.state}.{micros_since_epoch(place.placed_at)}.{place.key}"


def notice_place(cursor: str) -> NoticePlace:
    """Return the place of a cursor. Raises `InputError` beyond all times on record."""
    state, micros, key = cursor.split(".")
    return NoticePlace(NoticeState(state), moment_of_micros(int(micros)), int(key))
