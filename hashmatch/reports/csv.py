"""Reports as CSV that a spreadsheet shows as text and never runs as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, fields
from typing import TextIO

from .interface import ReportFormat, ReportRow

# Spreadsheets take a cell beginning with one of these for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class CSVReport(ReportFormat):
    """A header and one line a match; text that could be a formula begins with an apostrophe."""

    name = "csv"

    def write(self, rows: Iterable[ReportRow], stream: TextIO) -> int:
        """Write the rows as they come and return how many there were."""
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(ReportRow)])
        count = 0
        for row in rows:
            writer.writerow([_harmless(cell) for cell in astuple(row)])
            count += 1
        return count


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell
