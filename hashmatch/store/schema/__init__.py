"""Tables, by subject."""

from .audit import AuditCheckpoint, AuditHead, AuditRecord
from .base import Base, LongInteger, require_text, utc_moment, utc_now
from .cases import Case, CaseNote, NCMECReport, ReviewResult, UploaderDetails
from .evaluations import ReviewSample, SampledMatch
from .lists import (
    Entry,
    EntryChange,
    Generation,
    HashList,
    ListFigure,
    ListSync,
    QuarantinedDelivery,
    QuarantinedRow,
    StoreIdentity,
    SyncRun,
    UnsupportedHash,
)
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
    "EntryChange",
    "Generation",
    "HashList",
    "ListFigure",
    "ListSync",
    "LongInteger",
    "MatchRecord",
    "NCMECReport",
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
