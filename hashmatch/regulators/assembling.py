"""Assembly of a report: a template's points in their order, each with what answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from .interface import Answer, RegulatorReport, Section
from .limits import limits_of
from .record import Circumstances, Periods
from .templates import read_template

# By the codes of the points; one that the template does not have is an error.
Answers: TypeAlias = Mapping[str, Callable[[Periods, Circumstances], Answer]]


def assemble(
    name: str, periods: Periods, around: Circumstances, answers: Answers
) -> RegulatorReport:
    """Return the report of a template, with the limits that all have."""
    template = read_template(name)
    points = {one.code: one.title for one in template.points}
    if points.keys() != answers.keys():
        raise KeyError(f"{name}: {', '.join(points.keys() ^ answers.keys())}")
    return RegulatorReport(
        name=name,
        title=template.title,
        source=template.source,
        provider=around.provider,
        service=around.service,
        since=periods.span.since,
        until=periods.span.until,
        before=None
        if periods.before is None
        else (periods.before.span.since, periods.before.span.until),
        made_at=around.made_at,
        sections=tuple(
            Section(code, title, answers[code](periods, around)) for code, title in points.items()
        ),
        limits=limits_of(periods, around, *template.limits),
    )
