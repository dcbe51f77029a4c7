"""Times in cursors: whole microseconds, without a sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hashmatch.errors import InputError

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
