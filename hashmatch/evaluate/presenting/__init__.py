"""Figures for people: as documents, which become tables, Markdown, pages and plots."""

from __future__ import annotations

from .false_matches import false_match_document, false_match_rows
from .interface import Bar, Bars, Curve, Curves, Document, Table
from .markdown import as_markdown, markdown_of
from .page import as_page
from .plots import require_matplotlib, write_plots
from .recall import recall_by_group, recall_document, recall_rows
from .thresholds import threshold_document, threshold_rows

__all__ = (
    "Bar",
    "Bars",
    "Curve",
    "Curves",
    "Document",
    "Table",
    "as_markdown",
    "as_page",
    "false_match_document",
    "false_match_rows",
    "markdown_of",
    "recall_by_group",
    "recall_document",
    "recall_rows",
    "require_matplotlib",
    "threshold_document",
    "threshold_rows",
    "write_plots",
)
