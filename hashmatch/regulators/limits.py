"""Limits of a report: what the record cannot know, said beside the figures."""

from __future__ import annotations

from collections.abc import Iterator

from .counting import cases
from .record import Circumstances, Periods
from .templates import read_limits


def limits_of(periods: Periods, around: Circumstances, *own: str) -> tuple[str, ...]:
    """Return the limits of all reports, those of one report, and those of this period."""
    return (*read_limits(), *own, *_of_period(periods, around))


def _of_period(periods: Periods, around: Circumstances) -> Iterator[str]:
    record = periods.now
    if record is None:
        yield "Nothing of this period is on record: no list was there to compare with."
        return
    if record.span.until > around.made_at:
        yield "The period is not over: its figures will grow."
    first = record.span.since if periods.before is None else periods.before.span.since
    for words, before in around.removed_before.items():
        if first < before:
            yield (
                f"Retention removes {words}: some from before {before:%Y-%m-%d} may be gone, and"
                " the numbers of then are the least that there were."
            )
    if still_open := cases(record) - sum(
        one.number for one in record.outcomes if one.within and one.result != "open"
    ):
        yield (
            f"{still_open:,} cases of the period are not decided yet, and are neither right nor"
            " wrong in its figures."
        )
    if periods.before is None:
        yield "Nothing of the period before is on record, and nothing is compared with it."
