"""Reports as CSV that a spreadsheet shows as text and never runs as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, fields

from .interface import ReportFormat, ReportRow

# Spreadsheets take a cell beginning with one of these for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class CSVReport(ReportFormat):
    """A header and one line a match; text that could be a formula begins with an apostrophe."""

    name = "csv"

    def pieces(self, rows: Iterable[ReportRow]) -> Iterator[str]:
        """Yield the header and a line for each row."""
        yield _line([field.name for field in fields(ReportRow)])
        for row in rows:
            yield _line([_harmless(cell) for cell in astuple(row)])


def _line(cells: Sequence[object]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell
