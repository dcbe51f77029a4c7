"""Reports as CSV that a spreadsheet shows as text and never executes as a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from .interface import ReportFormat, Values, names_of, values_of

# Spreadsheets treat a cell that begins with one of these as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = frozenset("=+-@\t\r\n")
# Lines in which a cell may begin with one: at a line's beginning or after a comma, quoted or not.
# They are found in a fifth of the time that a look at each cell takes.
_SUSPICIOUS = re.compile(r'(?:^|,)(?:[=+\-@\t]|"[=+\-@\t\r\n])', re.MULTILINE)
_ROWS_A_PIECE = 200
# With this line end the writer also quotes a carriage return within a cell, which would start a new
# row for some readers.
_LINE_END = "\r\n"


class CSVReport(ReportFormat):
    """A header and one line per row; text that could be a formula begins with an apostrophe."""

    name = "csv"
    media_type = "text/csv; charset=utf-8"

    def pieces(self, kind: type[Any], rows: Iterable[Any]) -> Iterator[str]:
        """Yield the header, and then the lines of some rows at a time."""
        yield _lines([names_of(kind)])
        values = values_of(kind, rows)
        while some := list(islice(values, _ROWS_A_PIECE)):
            text = _lines(some)
            yield _lines(map(_harmless, some)) if _SUSPICIOUS.search(text) else text


def _lines(rows: Iterable[Sequence[object]]) -> str:
    stream = _Lines()
    # A writer for each row took longer than all of its cells.
    csv.writer(stream, lineterminator=_LINE_END).writerows(rows)
    return "\n".join([*(line.removesuffix(_LINE_END) for line in stream.lines), ""])


class _Lines:
    """A stream that collects the lines written to it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.write = self.lines.append


def _harmless(values: Values) -> list[object]:
    return [
        f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA_STARTS else cell
        for cell in values
    ]
