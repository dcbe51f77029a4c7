"""Summaries of a period's figures for people to read: one page of HTML, or a PDF to print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .figures import Figures
from .typesetting import TEMPLATES, typeset


def html_summary(figures: Figures) -> str:
    """Return the figures as one HTML page that loads nothing from anywhere."""
    # Imported here, since most commands do not need it.
    from jinja2 import Environment, StrictUndefined

    source = (TEMPLATES / "summary.html.j2").read_text(encoding="utf-8")
    # Names of lists and categories come from outside, and must not become markup.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(**_content(figures))


def pdf_summary(figures: Figures) -> bytes:
    """Return the figures as a PDF. Raises `ConfigError` where the extra is not installed."""
    return typeset("summary.typ", _content(figures))


def _content(figures: Figures) -> dict[str, Any]:
    """Return the content of both templates: texts and formatted numbers."""
    screened = figures.screened
    return {
        "period": _period(figures.since, figures.until),
        "written_at": f"{figures.written_at:%Y-%m-%d %H:%M} UTC",
        "facts": [
            ["images screened", _number(sum(screened.values()))],
            ["matched content items", _number(figures.contents)],
            ["matches", _number(figures.matches)],
            ["near matches", _number(figures.near)],
            ["content items with near matches only", _number(figures.near_contents)],
            ["cases opened", _number(figures.opened)],
            ["cases decided", _number(figures.decided)],
            ["hours to decision, median", _hours(figures.median_hours)],
            ["hours to decision, 90th percentile", _hours(figures.p90_hours)],
            ["cases undecided and overdue", _number(figures.overdue)],
            ["cases reopened", _number(figures.reopened)],
            ["finished reports to NCMEC", _number(figures.ncmec_reports)],
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
    """Return a chart: each bar with its name, its number, and its share of the longest bar."""
    longest = max((number for _, number in counts), default=0)
    bars = [
        {"name": name or "(none)", "number": _number(number), "share": number / longest}
        for name, number in counts
        if longest
    ]
    return {"title": title, "is_time": is_time, "bars": bars}


def _period(since: datetime | None, until: datetime | None) -> str:
    begin = "the beginning" if since is None else f"{since:%Y-%m-%d %H:%M} UTC"
    end = "now" if until is None else f"{until:%Y-%m-%d %H:%M} UTC"
    return f"From {begin} to {end}"


def _number(number: int) -> str:
    return f"{number:,}"


def _hours(hours: float | None) -> str:
    return "none decided" if hours is None else f"{hours:,.1f}"
