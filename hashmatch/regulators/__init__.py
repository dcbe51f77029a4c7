"""Reports to regulators: from the record, with definitions, the period before, and their limits."""

from hashmatch.store.regulators import Span

from .evaluations import read_recall
from .forms import MEDIA_TYPES, Form, Regulator
from .interface import Amount, Answer, Figure, RegulatorReport, Section, Table
from .making import MadeReport, document_of, files_of, make_regulator_report, require_form
from .record import PolicyChange, RecallLine

__all__ = [
    "MEDIA_TYPES",
    "Amount",
    "Answer",
    "Figure",
    "Form",
    "MadeReport",
    "PolicyChange",
    "RecallLine",
    "Regulator",
    "RegulatorReport",
    "Section",
    "Span",
    "Table",
    "document_of",
    "files_of",
    "make_regulator_report",
    "read_recall",
    "require_form",
]
