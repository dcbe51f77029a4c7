"""Reports to regulators as JSON, CSV, a page and a PDF: each figure beside its definition."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from hashmatch.reports import TEMPLATES, typeset

from .interface import Amount, Cell, Figure, RegulatorReport, Section, Table

NOT_KNOWN = "not known"
# Longer than a time.
_WIDE = 17
_COLUMNS = (
    "point", "title", "figure", "value", "low", "high", "before", "before_low", "before_high",
    "definition", "not_known_because",
)  # fmt: skip
# Spreadsheets take a cell that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_json(report: RegulatorReport) -> str:
    """Return a report as JSON: null is not known, and 0 is none."""
    facts = asdict(report)
    facts["since"], facts["until"] = (_day(one) for one in (report.since, report.until))
    facts["before"] = None if report.before is None else [_day(one) for one in report.before]
    facts["made_at"] = _day(report.made_at)
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def as_csv(report: RegulatorReport) -> str:
    """Return the figures of a report as one table; an empty value is not known."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for section in report.sections:
        for one in section.answer.figures:
            row = (
                section.code, section.title, one.name, *_numbers(one.now), *_numbers(one.before),
                one.definition, one.reason,
            )  # fmt: skip
            writer.writerow(_harmless(cell) for cell in row)
    return stream.getvalue()


def as_page(report: RegulatorReport) -> str:
    """Return a report as one HTML page that loads nothing from anywhere."""
    # Imported here, since most commands do not need it.
    from jinja2 import Environment, StrictUndefined

    source = (TEMPLATES / "regulator.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(**_content(report))


def as_pdf(report: RegulatorReport) -> bytes:
    """Return the same as a PDF. Raises `ConfigError` where the extra is not installed."""
    return typeset("regulator.typ", _content(report))


def _numbers(amount: Amount | None) -> tuple[Cell, Cell, Cell]:
    return (None, None, None) if amount is None else (amount.value, amount.low, amount.high)


def _harmless(cell: Cell) -> Cell:
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA_STARTS)
    return f"'{cell}" if is_formula else cell


def _content(report: RegulatorReport) -> dict[str, Any]:
    """Return the content of both templates: texts alone."""
    return {
        "title": report.title,
        "source": report.source,
        "provider": report.provider,
        "service": report.service,
        "period": _period(report.since, report.until),
        "before": "" if report.before is None else _period(*report.before),
        "made_at": f"{report.made_at:%Y-%m-%d %H:%M} UTC",
        "limits": list(report.limits),
        "sections": [_section(one) for one in report.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    answer = section.answer
    return {
        "code": section.code,
        "title": section.title,
        "texts": list(answer.texts),
        "is_empty": answer.is_empty,
        "figures": list(_figures(answer.figures)),
        "tables": [_table(one) for one in answer.tables],
    }


def _figures(figures: Sequence[Figure]) -> Iterator[dict[str, Any]]:
    """Yield figures; a part of the one before, such as "complaints: upheld", by its last words."""
    whole = ""
    for one in figures:
        first, _, rest = one.name.partition(": ")
        is_part = bool(rest) and first == whole
        whole = whole if is_part else one.name
        yield {**_figure(one), "name": rest if is_part else one.name, "is_part": is_part}


def _figure(one: Figure) -> dict[str, Any]:
    return {
        "definition": one.definition,
        "now": _written(one.now, is_share=one.is_share),
        "before": _written(one.before, is_share=one.is_share),
        "reason": one.reason,
        "is_known": one.now is not None,
    }


def _written(amount: Amount | None, *, is_share: bool) -> str:
    if amount is None:
        return NOT_KNOWN
    if not is_share:
        return f"{amount.value:,}"
    interval = (
        ""
        if amount.low is None or amount.high is None
        else f" ({amount.low * 100:.2f} to {_percent(amount.high)})"
    )
    return f"{_percent(amount.value)}{interval}"


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"


def _table(table: Table) -> dict[str, Any]:
    columns = list(table.columns)
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    longest = [max((len(row[place]) for row in rows), default=0) for place in range(len(columns))]
    return {
        "title": table.title,
        "columns": columns,
        "rows": rows,
        # Columns of sentences and names, which take the room that the others leave.
        "wide": [length > _WIDE for length in longest],
    }


def _cell(cell: Cell) -> str:
    if cell is None:
        return NOT_KNOWN
    if isinstance(cell, float):
        return f"{round(cell, 4):,}"
    return cell if isinstance(cell, str) else f"{cell:,}"


def _period(since: datetime, until: datetime) -> str:
    return f"{since:%Y-%m-%d} to {until - timedelta(microseconds=1):%Y-%m-%d}"


def _day(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
