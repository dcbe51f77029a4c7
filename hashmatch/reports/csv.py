"""Reports as CSV that a spreadsheet shows as text and never executes as a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from .interface import ReportFormat, Values, names_of, values_of

# Spreadsheets treat a cell that begins with one of these as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = frozenset("=+-@\t\r\n")
# A line in which a cell may begin with one: at the line's own beginning or after a comma, quoted or
# not. It is found in a fifth of the time that a look at each cell takes.
_SUSPICIOUS = re.compile(r'(?:^|,)"?[=+\-@\t\r\n]')
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
        yield lines.text + "\n"
        for values in values_of(kind, rows):
            write(values)
            if _SUSPICIOUS.search(lines.text):
                write(_harmless(values))
            yield lines.text + "\n"


class _Lines:
    """A stream that has the text of the last line written to it, without its end."""

    text = ""

    def write(self, text: str) -> None:
        """Note a line."""
        self.text = text.removesuffix(_LINE_END)


def _harmless(values: Values) -> list[object]:
    return [
        f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA_STARTS else cell
        for cell in values
    ]
