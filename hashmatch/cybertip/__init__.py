"""Reports to NCMEC's CyberTipline: their documents and their submission."""

from .incident import Evidence, Incident
from .report import report_document
from .submitting import (
    CYBERTIPLINE,
    ENDED,
    FINISHED,
    FINISHING,
    LONGEST_ATTEMPT,
    QUEUED,
    RETRACTED,
    UNKNOWN,
    base_of,
    retract_report,
    submit,
)

__all__ = [
    "CYBERTIPLINE",
    "ENDED",
    "FINISHED",
    "FINISHING",
    "LONGEST_ATTEMPT",
    "QUEUED",
    "RETRACTED",
    "UNKNOWN",
    "Evidence",
    "Incident",
    "base_of",
    "report_document",
    "retract_report",
    "submit",
]
