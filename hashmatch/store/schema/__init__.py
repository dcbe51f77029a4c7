"""Tables, by subject."""

from .audit import AuditCheckpoint, AuditHead, AuditRecord
from .base import Base, require_text, utc_moment, utc_now
from .cases import Case, CaseNote, NCMECReport, ReviewResult, UploaderDetails
from .evaluations import ReviewSample, SampledMatch
from .lists import (
    Entry,
    Generation,
    HashList,
    ListSync,
    QuarantinedDelivery,
    QuarantinedRow,
    StoreIdentity,
    SyncRun,
    UnsupportedHash,
)
from .lookups import LookupAnchor, NearLookup
from .matches import (
    AllowedMatchRecord,
    Content,
    ContentHash,
    DailyCount,
    EntryActivity,
    MatchRecord,
)
from .outbox import OutboxMessage
from .tokens import AccessToken

__all__ = [
    "AccessToken",
    "AllowedMatchRecord",
    "AuditCheckpoint",
    "AuditHead",
    "AuditRecord",
    "Base",
    "Case",
    "CaseNote",
    "Content",
    "ContentHash",
    "DailyCount",
    "Entry",
    "EntryActivity",
    "Generation",
    "HashList",
    "ListSync",
    "LookupAnchor",
    "MatchRecord",
    "NCMECReport",
    "NearLookup",
    "OutboxMessage",
    "QuarantinedDelivery",
    "QuarantinedRow",
    "ReviewResult",
    "ReviewSample",
    "SampledMatch",
    "StoreIdentity",
    "SyncRun",
    "UnsupportedHash",
    "UploaderDetails",
    "require_text",
    "utc_moment",
    "utc_now",
]
