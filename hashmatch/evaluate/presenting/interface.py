"""Documents of figures: facts, tables and charts, however they are shown in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Cell: TypeAlias = str | int | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table; whole numbers are aligned right. `note` says how to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in percent: its share, the part of it found at the narrower threshold, and more."""

    series: str
    share: float
    narrow_share: float
    low: float
    high: float
    target: float | None = None

    @property
    def is_missed(self) -> bool:
        """Say whether less was found than is promised."""
        return self.target is not None and self.share < self.target


@dataclass(frozen=True, slots=True)
class Bars:
    """Chart of bars from 0 to 100 %, some to each label."""

    name: str
    title: str
    note: str
    bars: Mapping[str, Sequence[Bar]]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y) in the order of x, the extrapolated ones apart; `band` has (x, low, high)."""

    label: str
    points: Sequence[tuple[float, float]]
    extrapolated: Sequence[tuple[float, float]] = ()
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True, slots=True)
class Curves:
    """Chart of curves; `marks` are vertical lines with a word, by x. Percents go from 0 to 100."""

    name: str
    title: str
    note: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    is_log_x: bool = False
    is_log_y: bool = False
    is_percent_y: bool = False
    marks: Mapping[float, str] = field(default_factory=dict)


Section: TypeAlias = Table | Bars | Curves


@dataclass(frozen=True, slots=True)
class Document:
    """Figures for people; `configuration` is a part of a configuration file, to be pasted."""

    title: str
    lead: str
    facts: Mapping[str, str]
    sections: Sequence[Section]
    configuration: str = ""

    @property
    def tables(self) -> list[Table]:
        """Return the tables among the sections."""
        return [one for one in self.sections if isinstance(one, Table)]

    @property
    def charts(self) -> list[Bars | Curves]:
        """Return the charts among the sections."""
        return [one for one in self.sections if not isinstance(one, Table)]


def percent(share: float) -> str:
    """Return a share as people read it: 99.3 %, and 100 % only where it is all."""
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{min(99.9, max(0.1, share * 100)):.1f} %"


def small_number(value: float) -> str:
    """Return a number of any size, to two digits: 1,200, 3.1, 0.02, 4e-07."""
    if value == 0:
        return "0"
    if value < 0.001:
        return f"{value:.0e}"
    if value >= 10:
        return f"{float(f'{value:.2g}'):,.0f}"
    return f"{value:.2g}"
