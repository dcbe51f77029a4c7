"""Summaries of a period's figures for people to read: one page of HTML, or a PDF to print."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .figures import Figures
from .typesetting import TEMPLATES, typeset

_MINUTES_AN_HOUR, _FEW_HOURS = 60, 2


def html_summary(figures: Figures, before: Figures | None = None, *, platform: str = "") -> str:
    """Return the figures as one HTML page that loads nothing from anywhere.

    `before` are those of the period before, `platform` is the name of whose figures they are.
    """
    # Imported here, since most commands do not need it.
    from jinja2 import Environment, StrictUndefined

    source = (TEMPLATES / "summary.html.j2").read_text(encoding="utf-8")
    # Names of lists and categories come from outside, and must not become markup.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(**_content(figures, before, platform))


def pdf_summary(figures: Figures, before: Figures | None = None, *, platform: str = "") -> bytes:
    """Return the same as a PDF. Raises `ConfigError` where the extra is not installed."""
    return typeset("summary.typ", _content(figures, before, platform))


@dataclass(frozen=True, slots=True)
class _Fact:
    """A figure: its name, how it is read and written, and its definition."""

    name: str
    read: Callable[[Figures], float | None]
    definition: str
    write: Callable[[float | None], str] = lambda number: _number(int(number or 0))


def _content(figures: Figures, before: Figures | None, platform: str) -> dict[str, Any]:
    """Return the content of both templates: texts and formatted numbers."""
    return {
        "platform": platform,
        "period": _period(figures.since, figures.until),
        "before": "" if before is None else _period(before.since, before.until),
        "written_at": f"{figures.written_at:%Y-%m-%d %H:%M} UTC",
        "facts": [
            {
                "name": one.name,
                "value": one.write(one.read(figures)),
                "before": "" if before is None else one.write(one.read(before)),
                "definition": one.definition,
            }
            for one in _FACTS
        ],
        "charts": [
            _chart("Matches over time", figures.by_time, is_time=True),
            _chart("Matches by list", figures.by_list),
            _chart("Matches by category", figures.by_category),
            _chart("Matches by action", figures.by_action),
            _chart("Cases by state", figures.by_state),
            _chart("Unscreened images by reason", figures.unscreened),
        ],
        "lists": [
            [
                one.name,
                one.licensor,
                _number(one.active_entries),
                str(one.generation),
                f"{one.changed_at:%Y-%m-%d %H:%M}",
                "" if one.synced_at is None else f"{one.synced_at:%Y-%m-%d %H:%M}",
                "" if one.licence_end is None else one.licence_end.isoformat(),
            ]
            for one in figures.lists
        ],
    }


def _chart(title: str, counts: Sequence[tuple[str, int]], *, is_time: bool = False) -> Any:
    """Return a chart: each bar with its name, its number, and its share of the top of the axis."""
    top = _top(max((number for _, number in counts), default=0))
    bars = [
        {
            "name": name.replace("_", " ") or "(none)",
            "number": _number(number),
            "share": number / top,
        }
        for name, number in counts
        if top
    ]
    ticks = [_number(top), _number(top // 2) if top > 1 else "", "0"]
    return {"title": title, "is_time": is_time, "bars": bars, "ticks": ticks}


def _top(longest: int) -> int:
    """Return the end of an axis: the next round number, which has a whole half."""
    step: int = max(2, 10 ** (len(str(longest)) - 1) // 5)
    return math.ceil(longest / step) * step


def _period(since: datetime | None, until: datetime | None) -> str:
    begin = "the beginning" if since is None else f"{since:%Y-%m-%d %H:%M} UTC"
    end = "now" if until is None else f"{until:%Y-%m-%d %H:%M} UTC"
    return f"From {begin} to {end}"


def _number(number: int) -> str:
    return f"{number:,}"


def _time(hours: float | None) -> str:
    """Return a time as people say it: in minutes where it is less than two hours."""
    if hours is None:
        return "none decided"
    minutes = hours * _MINUTES_AN_HOUR
    if minutes < 1:
        return "under 1 min"
    if hours < _FEW_HOURS:
        return f"{minutes:.0f} min"
    return f"{hours:,.1f} h"


# In the order of the page. Definitions say what is counted, for people who were not there.
_FACTS = (
    _Fact(
        "images screened",
        lambda one: one.screened.total(),
        "Images and hashes that were compared with the lists, or could not be. One image that is"
        " sent again counts again, unless it matched.",
    ),
    _Fact(
        "matched content items",
        lambda one: one.contents,
        "Content items with a match within the threshold of a list, each counted once, when it"
        " matched first.",
    ),
    _Fact(
        "matches",
        lambda one: one.matches,
        "Entries of lists that content items matched within the threshold. One item may match"
        " several.",
    ),
    _Fact(
        "near matches",
        lambda one: one.near,
        "Matches beyond the threshold of their list, near enough for people to look; they block"
        " nothing.",
    ),
    _Fact(
        "items with near matches only",
        lambda one: one.near_contents,
        "Content items of which no match was within a threshold.",
    ),
    _Fact("cases opened", lambda one: one.opened, "Content items that came up for review."),
    _Fact(
        "cases decided",
        lambda one: one.decided,
        "Of the cases opened in the period, those that a person confirmed or dismissed since.",
    ),
    _Fact(
        "time to decision, median",
        lambda one: one.median_hours,
        "From the opening of a case to its first decision: half of the cases took less.",
        _time,
    ),
    _Fact(
        "time to decision, 90th percentile",
        lambda one: one.p90_hours,
        "Nine of ten cases took less.",
        _time,
    ),
    _Fact(
        "overdue",
        lambda one: one.overdue,
        "Cases opened in the period that still wait for a decision, or confirmed ones for their"
        " report, after the time by which they were due.",
    ),
    _Fact(
        "cases reopened",
        lambda one: one.reopened,
        "Cases opened in the period that were decided and came up again.",
    ),
    _Fact(
        "finished reports to NCMEC",
        lambda one: one.ncmec_reports,
        "Reports that NCMEC's CyberTipline has, counted when they were finished; none to its test"
        " system.",
    ),
)
