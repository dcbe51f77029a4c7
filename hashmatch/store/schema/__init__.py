"""Tables, by subject."""

from .audit import AuditBatch, AuditCheckpoint, AuditHead, AuditRecord
from .backfills import Backfill, BackfillCount, BackfillResult, BackfillShard
from .base import Audited, Base, LongInteger, require_text, utc_moment, utc_now
from .cases import Case, CaseNote, NCMECReport, ReviewResult, UploaderDetails
from .console import ConsoleSession, ContentLook, MadeReport, ReportSchedule, SavedQueue
from .duties import (
    AppealState,
    CaseAppeal,
    CaseDeadline,
    CaseMeasure,
    CasePreservation,
    CaseReference,
    CaseRetention,
    DeadlineOutcome,
    PreservationCheck,
    PreservationState,
    RetentionClass,
)
from .evaluations import ReviewSample, SampledMatch
from .events import CountedEvent
from .exchanges import Exchange, ExchangeCursor, ExchangeEntry, ExchangeItem, SendingState
from .figures import FIGURE_TRIGGERS, Figure
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
from .lookups import LookupAnchor, NearLookup
from .matches import (
    AllowedMatchRecord,
    Content,
    ContentHash,
    DailyCount,
    EntryActivity,
    MatchRecord,
)
from .notices import Notice, NoticeContact, NoticeItem, NoticeState
from .outbox import MESSAGE_IS_DONE, OutboxMessage
from .policies import PolicyChange, RecordedPolicy
from .prompts import PromptCount, PromptMatch
from .retained import RetroMatch
from .safeguards import GateCount, SafeguardRecord
from .sharing import (
    Consumer,
    ConsumerToken,
    Contribution,
    ContributionState,
    FeedbackState,
    Publication,
    ReceivedFeedback,
    SharedEntry,
    SharedList,
)
from .tokens import AccessToken

__all__ = [
    "FIGURE_TRIGGERS",
    "MESSAGE_IS_DONE",
    "AccessToken",
    "AllowedMatchRecord",
    "AppealState",
    "AuditBatch",
    "AuditCheckpoint",
    "AuditHead",
    "AuditRecord",
    "Audited",
    "Backfill",
    "BackfillCount",
    "BackfillResult",
    "BackfillShard",
    "Base",
    "Case",
    "CaseAppeal",
    "CaseDeadline",
    "CaseMeasure",
    "CaseNote",
    "CasePreservation",
    "CaseReference",
    "CaseRetention",
    "ConsoleSession",
    "Consumer",
    "ConsumerToken",
    "Content",
    "ContentHash",
    "ContentLook",
    "Contribution",
    "ContributionState",
    "CountedEvent",
    "DailyCount",
    "DeadlineOutcome",
    "Entry",
    "EntryActivity",
    "EntryChange",
    "Exchange",
    "ExchangeCursor",
    "ExchangeEntry",
    "ExchangeItem",
    "FeedbackState",
    "Figure",
    "GateCount",
    "Generation",
    "HashList",
    "ListFigure",
    "ListSync",
    "LongInteger",
    "LookupAnchor",
    "MadeReport",
    "MatchRecord",
    "NCMECReport",
    "NearLookup",
    "Notice",
    "NoticeContact",
    "NoticeItem",
    "NoticeState",
    "OutboxMessage",
    "PolicyChange",
    "PreservationCheck",
    "PreservationState",
    "PromptCount",
    "PromptMatch",
    "Publication",
    "QuarantinedDelivery",
    "QuarantinedRow",
    "ReceivedFeedback",
    "RecordedPolicy",
    "ReportSchedule",
    "RetentionClass",
    "RetroMatch",
    "ReviewResult",
    "ReviewSample",
    "SafeguardRecord",
    "SampledMatch",
    "SavedQueue",
    "SendingState",
    "SharedEntry",
    "SharedList",
    "StoreIdentity",
    "SyncRun",
    "UnsupportedHash",
    "UploaderDetails",
    "require_text",
    "utc_moment",
    "utc_now",
]
