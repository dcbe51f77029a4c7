"""Hash lists: file formats, sources, imports, syncs, guards and quarantined deliveries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .allowing import hash_of_match, parse_hash
    from .curating import add_entry_of, add_hashes
    from .degenerate import withdraw_known_degenerate
    from .feedback import feedback_senders, queue_feedback
    from .flooding import decide_flooding, flooding_facts
    from .formats import FORMATS, TAGS, BadRow, ListFormat, find_format, read_feed, unpacked
    from .importing import ImportSummary, import_list
    from .overview import list_facts
    from .promoting import promote_supported
    from .quarantine import QuarantineView, accept_delivery, reject_delivery, view_quarantine
    from .reach import ListReach, forecast_words, reach_of_list
    from .sorting import RejectedRows
    from .sources import (
        FileSource,
        HashmatchSource,
        HTTPSSource,
        ListSource,
        NCMECSource,
        ObjectStorageSource,
        StopNCIIKeys,
        StopNCIISource,
        ThreatExchangeSource,
        Verdict,
        open_client,
        open_source,
    )
    from .syncing import sync_list

__all__ = [
    "FORMATS",
    "TAGS",
    "BadRow",
    "FileSource",
    "HTTPSSource",
    "HashmatchSource",
    "ImportSummary",
    "ListFormat",
    "ListReach",
    "ListSource",
    "NCMECSource",
    "ObjectStorageSource",
    "QuarantineView",
    "RejectedRows",
    "StopNCIIKeys",
    "StopNCIISource",
    "ThreatExchangeSource",
    "Verdict",
    "accept_delivery",
    "add_entry_of",
    "add_hashes",
    "decide_flooding",
    "feedback_senders",
    "find_format",
    "flooding_facts",
    "forecast_words",
    "hash_of_match",
    "import_list",
    "list_facts",
    "open_client",
    "open_source",
    "parse_hash",
    "promote_supported",
    "queue_feedback",
    "reach_of_list",
    "read_feed",
    "reject_delivery",
    "sync_list",
    "unpacked",
    "view_quarantine",
    "withdraw_known_degenerate",
]

# Imported on first use: sources load a client of the web, and guards the index, which commands
# that only ask do without.
_HOMES = {
    ".allowing": "hash_of_match parse_hash",
    ".curating": "add_entry_of add_hashes",
    ".degenerate": "withdraw_known_degenerate",
    ".feedback": "feedback_senders queue_feedback",
    ".flooding": "decide_flooding flooding_facts",
    ".formats": "FORMATS TAGS BadRow ListFormat find_format read_feed unpacked",
    ".importing": "ImportSummary import_list",
    ".overview": "list_facts",
    ".promoting": "promote_supported",
    ".quarantine": "QuarantineView accept_delivery reject_delivery view_quarantine",
    ".reach": "ListReach forecast_words reach_of_list",
    ".sorting": "RejectedRows",
    ".sources": "FileSource HashmatchSource HTTPSSource ListSource NCMECSource ObjectStorageSource"
    " StopNCIIKeys StopNCIISource ThreatExchangeSource Verdict open_client open_source",
    ".syncing": "sync_list",
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
