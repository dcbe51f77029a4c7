"""Reports to NCMEC's CyberTipline: their documents and their submission."""

from .documents import Incident, file_details, report_document
from .submitting import (
    CYBERTIPLINE,
    ENDED,
    FINISHED,
    FINISHING,
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
    "QUEUED",
    "RETRACTED",
    "UNKNOWN",
    "Incident",
    "base_of",
    "file_details",
    "report_document",
    "retract_report",
    "submit",
]
