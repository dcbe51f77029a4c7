"""Lists: how they are written in files, and how they come into the store."""

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
    "confirm_delivery",
    "find_format",
    "import_list",
    "open_source",
    "reject_delivery",
    "sync_list",
    "view_quarantine",
]
