"""Names of the reports to regulators, and of the forms that they can be had in."""

from __future__ import annotations

from enum import StrEnum


class Regulator(StrEnum):
    """Report to one regulator, or under one law."""

    DSA = "dsa"
    INTERIM = "interim"
    OFCOM = "ofcom"
    AUSTRALIA = "australia"


class Form(StrEnum):
    """Form of a report; `zip` is of the DSA's alone, whose template has parts."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"
    PDF = "pdf"
    ZIP = "zip"


MEDIA_TYPES = {
    Form.JSON: "application/json",
    Form.CSV: "text/csv; charset=utf-8",
    Form.HTML: "text/html; charset=utf-8",
    Form.PDF: "application/pdf",
    Form.ZIP: "application/zip",
}
