"""Shape of a report to a regulator: sections of figures, each defined, compared, or not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, with the interval of 95 % of one that was measured."""

    value: int | float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a period and of the one before; None is not known, for the reason given.

    `is_share` says that the numbers lie from 0 to 1.
    """

    name: str
    definition: str
    now: Amount | None
    before: Amount | None
    reason: str = ""
    is_share: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a period that are no figures, such as changes of settings with their reasons."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a point of a template; empty where only the provider has one."""

    figures: tuple[Figure, ...] = ()
    texts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether the provider has to answer it."""
        return not (self.figures or self.texts or self.tables)


@dataclass(frozen=True, slots=True)
class Section:
    """A point of a template, with its code and title there, and what answers it."""

    code: str
    title: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class RegulatorReport:
    """A report: whose and of when, its sections in the order of the template, and its limits.

    `limits` are what it cannot know. `before` is the period that it is compared with, of the same
    length, None where nothing is on record of it.
    """

    name: str
    title: str
    source: str
    provider: str
    service: str
    since: datetime
    until: datetime
    before: tuple[datetime, datetime] | None
    made_at: datetime
    sections: tuple[Section, ...]
    limits: tuple[str, ...]
