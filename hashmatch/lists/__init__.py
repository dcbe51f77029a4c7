"""Lists: how they are written in files, and how they come into the store."""

from .adopting import adopt_kept
from .feedback import feedback_senders, queue_feedback
from .formats import FORMATS, BadRow, ListFormat, find_format
from .importing import ImportSummary, SetAside, import_list
from .overview import list_facts
from .quarantining import QuarantineView, confirm_delivery, reject_delivery, view_quarantine
from .sources import (
    FileSource,
    HTTPSSource,
    ListSource,
    NCMECSource,
    ObjectStorageSource,
    StopNCIIKeys,
    StopNCIISource,
    ThreatExchangeSource,
    Verdict,
    open_source,
)
from .syncing import sync_list

__all__ = [
    "FORMATS",
    "BadRow",
    "FileSource",
    "HTTPSSource",
    "ImportSummary",
    "ListFormat",
    "ListSource",
    "NCMECSource",
    "ObjectStorageSource",
    "QuarantineView",
    "SetAside",
    "StopNCIIKeys",
    "StopNCIISource",
    "ThreatExchangeSource",
    "Verdict",
    "adopt_kept",
    "confirm_delivery",
    "feedback_senders",
    "find_format",
    "import_list",
    "list_facts",
    "open_source",
    "queue_feedback",
    "reject_delivery",
    "sync_list",
    "view_quarantine",
]
