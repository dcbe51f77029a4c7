"""Report of the Digital Services Act: the parts of its template, and what they mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from .assembling import Answers, assemble
from .counting import (
    complaint_figures,
    detection_figures,
    error_figures,
    measure_figures,
    precision_figures,
)
from .dsa_measures import (
    ILLEGAL,
    TERMS,
    covered_rules,
    measures_part,
    unruled_measures,
)
from .dsa_others import (
    AUTOMATED,
    COMPLAINTS,
    QUALITATIVE,
    automated_part,
    categories_part,
    complaints_part,
    identification_part,
    qualitative_part,
)
from .interface import Answer, RegulatorReport, Table
from .ofcom import sample_tables
from .record import Circumstances, Periods
from .templates import DSA_PARTS, Row, read_part

# RFC 4180, which the regulation names.
_LINE_END = "\r\n"


@dataclass(frozen=True, slots=True)
class DSAPart:
    """A part of the report as a file: its name, and its text as CSV."""

    name: str
    text: str


def build_parts(periods: Periods, around: Circumstances) -> tuple[DSAPart, ...]:
    """Return the parts that hash matching can say anything of, in the order of the template."""
    last = periods.span.until - timedelta(microseconds=1)
    head = (around.service, f"{periods.span.since:%Y-%m-%d}/{last:%Y-%m-%d}")
    rows: dict[str, Callable[[], list[Row]]] = {
        "1_report_identification": lambda: identification_part(periods, around),
        "2_categories_names": lambda: categories_part(periods, around),
        ILLEGAL: lambda: measures_part(ILLEGAL, periods, around, head),
        TERMS: lambda: measures_part(TERMS, periods, around, head),
        COMPLAINTS: lambda: complaints_part(periods, around, head),
        AUTOMATED: lambda: automated_part(periods, around, head),
        QUALITATIVE: lambda: qualitative_part(periods, head),
    }
    return tuple(
        DSAPart(f"{name}.csv", _as_csv((read_part(name).columns, *rows[name]())))
        for name in DSA_PARTS
    )


def _as_csv(rows: Iterable[Row]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=_LINE_END).writerows(rows)
    return stream.getvalue()


def build_dsa(periods: Periods, around: Circumstances) -> RegulatorReport:
    """Return the figures of the parts with their definitions, and the rules of the categories."""
    answers: Answers = {
        "2": _categories,
        "5, 6": lambda now, about: Answer((*detection_figures(now), *measure_figures(now, about))),
        "7": _complaints,
        "8": lambda now, _: Answer(
            (*precision_figures(now), *error_figures(now)), tables=sample_tables(now.now)
        ),
        "3, 4, 9, 10": lambda _, __: Answer(texts=("Not on record: no part of hash matching.",)),
    }
    return assemble("dsa", periods, around, answers)


def _complaints(periods: Periods, around: Circumstances) -> Answer:
    return Answer(
        (
            *complaint_figures(periods, around, "internal", "complaints"),
            *complaint_figures(periods, around, "out_of_court", "disputes out of court"),
        )
    )


def _categories(periods: Periods, around: Circumstances) -> Answer:
    unruled = periods.figure(
        "restrictions without a category",
        "Restrictions of cases whose matches no rule of [reports.dsa] fits: they are in no row of"
        " parts 5 and 6, and need a rule.",
        lambda one: unruled_measures(one, around),
    )
    return Answer(
        (unruled,), tables=(Table("Rules", _RULE_COLUMNS, tuple(_rules(periods, around))),)
    )


_RULE_COLUMNS = ("rule", "keyword", "cases", "restrictions")


def _rules(periods: Periods, around: Circumstances) -> Iterator[tuple[str | int, ...]]:
    covered = covered_rules(periods, around)
    for number, keyword in enumerate(around.keywords):
        if number in covered and periods.now is not None:
            yield (
                number + 1,
                keyword,
                sum(one.number for one in periods.now.outcomes if one.rule == number),
                sum(one.number for one in periods.now.measures if one.rule == number),
            )
