"""Reports: the recorded matches in the forms that compliance teams hand on."""

from .csv import CSVReport
from .export import private_file, report_row, report_rows
from .interface import ReportFormat, ReportRow
from .jsonl import JSONLinesReport

FORMATS: tuple[ReportFormat, ...] = (CSVReport(), JSONLinesReport())

__all__ = [
    "FORMATS",
    "CSVReport",
    "ReportFormat",
    "ReportRow",
    "private_file",
    "report_row",
    "report_rows",
]
