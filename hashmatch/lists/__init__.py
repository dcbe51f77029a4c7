"""Lists: how they are written in files, and how they come into the store."""

from .adopting import adopt_kept
from .feedback import queue_feedback, send_feedback
from .formats import FORMATS, BadRow, ListFormat, find_format
from .importing import ImportSummary, SetAside, import_list
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
    "find_format",
    "import_list",
    "open_source",
    "queue_feedback",
    "reject_delivery",
    "send_feedback",
    "sync_list",
    "view_quarantine",
]
