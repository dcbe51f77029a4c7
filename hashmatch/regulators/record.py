"""The record of a period that all reports to regulators are made of, and the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from hashmatch.evaluate import wilson
from hashmatch.reports import ListFigures
from hashmatch.store.regulators import (
    AppealCount,
    AppealTimes,
    ListChanges,
    MeasureCount,
    OutcomeCount,
    Span,
    TechnologyCount,
)
from hashmatch.store.schema import ReviewResult

from .interface import Amount, Figure

DECIDED = (ReviewResult.CONFIRMED, ReviewResult.FALSE_POSITIVE)
NOT_ON_RECORD = "nothing was matched in this period: no list was on record"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A change of the policy: when, by whom, why, on which evaluation, and what it was."""

    at: datetime
    actor: str
    reason: str
    evaluation: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecallLine:
    """Recall of altered copies of one group by one algorithm, as an evaluation measured it."""

    algorithm: str
    level: str
    group: str
    found: int
    copies: int
    pictures: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Return the share of the copies that were found, from 0 to 1."""
        return round(self.found / self.copies, 4) if self.copies else 0.0


@dataclass(frozen=True, slots=True)
class PeriodRecord:
    """Counts of one period. `samples` are lines of review samples that were drawn in it.

    `policy_changes` are None where no policy was on record by its end.
    """

    span: Span
    screened: Mapping[str, int]
    unscreened: Mapping[str, int]
    matches: int
    measures: tuple[MeasureCount, ...]
    lifted: int
    appeals: tuple[AppealCount, ...]
    appeal_times: AppealTimes
    outcomes: tuple[OutcomeCount, ...]
    technologies: tuple[TechnologyCount, ...]
    median_hours: float | None
    ncmec_reports: int
    references: Mapping[str, int]
    list_changes: tuple[ListChanges, ...]
    policy_changes: tuple[PolicyChange, ...] | None
    samples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Circumstances of a report, beside the counts of its periods.

    `keywords` are those of the rules, in their order; `complete` the registers that are complete;
    `removed_before` what retention removes, with the time before which it may be gone; `recall` is
    of an evaluation that was named. `lists` are as they are now.
    """

    provider: str
    service: str
    made_at: datetime
    keywords: tuple[str, ...]
    complete: frozenset[str]
    restrictions: frozenset[str]
    removed_before: Mapping[str, datetime]
    lists: tuple[ListFigures, ...]
    retention_days: Mapping[str, float]
    words: Mapping[str, str]
    recall: tuple[RecallLine, ...] = ()
    screens_messages_only: bool = False


Read: TypeAlias = Callable[[PeriodRecord], Amount | int | float | None]


@dataclass(frozen=True, slots=True)
class Periods:
    """A period and the one of the same length before; None where nothing can be on record of it."""

    span: Span
    now: PeriodRecord | None
    before: PeriodRecord | None

    def figure(
        self, name: str, definition: str, read: Read, *, reason: str = "", is_share: bool = False
    ) -> Figure:
        """Return a figure as `read` finds it in both; `reason` says why it may not be known."""
        now, before = (None if one is None else _amount(read(one)) for one in self.both)
        why = "" if now is not None else NOT_ON_RECORD if self.now is None else reason
        return Figure(name, definition, now, before, why, is_share)

    @property
    def both(self) -> tuple[PeriodRecord | None, PeriodRecord | None]:
        """Return the two."""
        return self.now, self.before

    def has_any(self, read: Callable[[PeriodRecord], Sequence[object]]) -> bool:
        """Say whether either has a row of something."""
        return any(one is not None and read(one) for one in self.both)


def _amount(found: Amount | int | float | None) -> Amount | None:
    return found if found is None or isinstance(found, Amount) else Amount(found)


def share(part: int, whole: int) -> Amount | None:
    """Return a share with its interval, None of nothing."""
    if not whole:
        return None
    interval = wilson(part / whole, whole)
    return Amount(round(part / whole, 4), round(interval.low, 4), round(interval.high, 4))


def median(hours: Sequence[float]) -> float | None:
    """Return the median to two decimals, None of nothing."""
    if not hours:
        return None
    ordered, half = sorted(hours), len(hours) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return round(middle, 2)


def not_counted(register: str) -> str:
    """Return why a number of none of a register is not known."""
    return (
        f"no {register} are on record, and the platform may keep them elsewhere:"
        f" [reports] registers names those that are complete"
    )
