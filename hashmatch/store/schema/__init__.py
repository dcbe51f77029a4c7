"""Tables, by subject."""

from .audit import AuditCheckpoint, AuditHead, AuditRecord
from .base import Base, require_text, utc_moment, utc_now
from .cases import Case, CaseDetails, CaseNote, NCMECReport
from .lists import (
    Entry,
    Generation,
    HashList,
    KeptHash,
    ListSync,
    QuarantinedDelivery,
    QuarantinedRow,
    StoreIdentity,
    SyncRun,
)
from .matches import Content, ContentHash, DailyCount, MatchRecord, SuppressionRecord
from .outbox import OutboxMessage
from .tokens import AccessToken

__all__ = [
    "AccessToken",
    "AuditCheckpoint",
    "AuditHead",
    "AuditRecord",
    "Base",
    "Case",
    "CaseDetails",
    "CaseNote",
    "Content",
    "ContentHash",
    "DailyCount",
    "Entry",
    "Generation",
    "HashList",
    "KeptHash",
    "ListSync",
    "MatchRecord",
    "NCMECReport",
    "OutboxMessage",
    "QuarantinedDelivery",
    "QuarantinedRow",
    "StoreIdentity",
    "SuppressionRecord",
    "SyncRun",
    "require_text",
    "utc_moment",
    "utc_now",
]
