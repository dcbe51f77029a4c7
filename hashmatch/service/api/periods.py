"""Periods in the query, as on the command line: dates or times, and whole days count."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from hashmatch.store.schema import utc_moment

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DATE_OR_TIME = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}


def _with_time(value: object, *, days: int) -> object:
    """Return a date as the moment in UTC at which it begins, or so many days later."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return value
    return utc_moment(datetime.fromisoformat(value).replace(tzinfo=UTC)) + timedelta(days)


Start = Annotated[
    datetime,
    BeforeValidator(partial(_with_time, days=0)),
    AfterValidator(utc_moment),
    WithJsonSchema(_DATE_OR_TIME),
]
End = Annotated[
    datetime,
    BeforeValidator(partial(_with_time, days=1)),
    AfterValidator(utc_moment),
    WithJsonSchema(_DATE_OR_TIME),
]
FROM = Query(description="From this date or time on (UTC).")
UP_TO = Query(description="Up to this date, itself included, or to just before this time (UTC).")
Since = Annotated[Start | None, FROM]
Until = Annotated[End | None, UP_TO]
