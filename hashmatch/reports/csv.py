"""Reports as CSV that a spreadsheet shows as text and never executes as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from .interface import ReportFormat, Values, names_of, values_of

# Spreadsheets treat a cell that begins with one of these as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = frozenset("=+-@\t\r\n")
# With this line end the writer also quotes a carriage return within a cell, which would start a new
# row for some readers.
_LINE_END = "\r\n"


class CSVReport(ReportFormat):
    """A header and one line per row; text that could be a formula begins with an apostrophe."""

    name = "csv"
    media_type = "text/csv; charset=utf-8"

    def pieces(self, kind: type[Any], rows: Iterable[Any]) -> Iterator[str]:
        """Yield the header and a line for each row."""
        lines = _Lines()
        # One writer for all rows: a new one for each took longer than all of its cells.
        write = csv.writer(lines, lineterminator=_LINE_END).writerow
        write(names_of(kind))
        yield lines.line
        for values in values_of(kind, rows):
            write(_harmless(values))
            yield lines.line


class _Lines:
    """A stream that has the last line written to it."""

    line = ""

    def write(self, text: str) -> None:
        """Note a line, with the line end of the report."""
        self.line = text.removesuffix(_LINE_END) + "\n"


def _harmless(values: Values) -> list[object]:
    return [
        f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA_STARTS else cell
        for cell in values
    ]
