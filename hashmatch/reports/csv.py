"""Reports as CSV that a spreadsheet shows as text and never executes as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from typing import Any

from .interface import ReportFormat

# Spreadsheets treat a cell that begins with one of these as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class CSVReport(ReportFormat):
    """A header and one line per row; text that could be a formula begins with an apostrophe."""

    name = "csv"
    media_type = "text/csv; charset=utf-8"

    def pieces(self, kind: type[Any], rows: Iterable[Any]) -> Iterator[str]:
        """Yield the header and a line for each row."""
        yield _line([field.name for field in fields(kind)])
        for row in rows:
            yield _line([_harmless(cell) for cell in astuple(row)])


def _line(cells: Sequence[object]) -> str:
    stream = io.StringIO()
    # With this line end the writer also quotes a carriage return within a cell, which would start a
    # new row for some readers.
    csv.writer(stream, lineterminator="\r\n").writerow(cells)
    return stream.getvalue().removesuffix("\r\n") + "\n"


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell
