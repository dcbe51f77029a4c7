"""The options --since and --until, which several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from hashmatch.errors import InputError


class Moment(click.ParamType[datetime]):
    """A date or a time in ISO 8601, in UTC unless it has an offset."""

    name = "date"

    def __init__(self, *, end_of_day: bool = False) -> None:
        self._end_of_day = end_of_day

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment; a date alone is its beginning or its end, whole days count."""
        from hashmatch.store.schema import utc_moment

        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write 2026-01-31 or 2026-01-31T12:00", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        is_date = len(value) <= len("2026-01-31")
        try:
            moment = utc_moment(moment)
        except InputError as error:
            self.fail(error.message, param, ctx)
        return moment + timedelta(days=1) if self._end_of_day and is_date else moment


def period_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --since and --until to a command."""
    since = click.option("--since", type=Moment(), help="From this date or time on (UTC).")
    until = click.option(
        "--until",
        type=Moment(end_of_day=True),
        help="Up to this date, itself included, or to just before this time (UTC).",
    )
    return since(until(command))
