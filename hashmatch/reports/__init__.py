"""Reports of matches, cases and figures, in the formats that compliance teams use."""

from .case_sheet import pdf_case
from .csv import CSVReport
from .export import case_rows, record_export, report_page, report_row, report_rows, report_values
from .figures import Figures, ListFigures, figures_before, read_figures, transparency
from .files import private_file, private_folder
from .interface import CaseRow, ReportFormat, ReportRow
from .jsonl import JSONLinesReport
from .scheduling import SCHEDULED_FORMS, Every, make_due_reports, period_of
from .summary import html_summary, pdf_summary
from .typesetting import TEMPLATES, can_typeset, typeset
from .wanted import ReportWanted

# Formats of reports with one row per match or case.
FORMATS: tuple[ReportFormat, ...] = (CSVReport(), JSONLinesReport())

__all__ = [
    "FORMATS",
    "SCHEDULED_FORMS",
    "TEMPLATES",
    "CSVReport",
    "CaseRow",
    "Every",
    "Figures",
    "JSONLinesReport",
    "ListFigures",
    "ReportFormat",
    "ReportRow",
    "ReportWanted",
    "can_typeset",
    "case_rows",
    "figures_before",
    "html_summary",
    "make_due_reports",
    "pdf_case",
    "pdf_summary",
    "period_of",
    "private_file",
    "private_folder",
    "read_figures",
    "record_export",
    "report_page",
    "report_row",
    "report_rows",
    "report_values",
    "transparency",
    "typeset",
]
