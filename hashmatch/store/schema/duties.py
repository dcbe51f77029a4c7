"""Tables of what a case owes and is owed: references, deadlines, measures, appeals, retention."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, Base, LongInteger, utc_now


class RetentionClass(StrEnum):
    """Class of a case, which says how long its record is kept."""

    STANDARD = "standard"
    REPORT = "report"
    MESSAGING = "messaging"


class AppealState(StrEnum):
    """State of an appeal: "upheld" says that the decision about the content stands."""

    RECEIVED = "received"
    UPHELD = "upheld"
    REVERSED = "reversed"
    PARTLY_REVERSED = "partly_reversed"
    INADMISSIBLE = "inadmissible"
    WITHDRAWN = "withdrawn"


class DeadlineOutcome(StrEnum):
    """Outcome of a deadline."""

    OPEN = "open"
    MET = "met"
    WAIVED = "waived"


class PreservationState(StrEnum):
    """State of the content of a case in the vault of the platform, as it was asked to keep it."""

    PRESERVED = "preserved"
    RELEASED = "released"
    DESTROYED = "destroyed"


class CaseReference(Audited):
    """Reference that an authority gave to a report of a case.

    It outlives its case: some have to be kept for longer.
    """

    __tablename__ = "case_references"
    __table_args__ = (
        Index(None, "case_key", "key"),
        Index(None, "made_at", "key"),
        Index(None, "reference", "authority"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = ("key", "case_key", "authority", "reference", "made_at", "actor")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger)
    authority: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(default=utc_now)
    actor: Mapped[str] = mapped_column(Text)


class CaseDeadline(Audited):
    """Time by which something is owed of a case, by a section of `[cases.deadlines]`."""

    __tablename__ = "case_deadlines"
    __table_args__ = (
        Index(None, "case_key", "key"),
        Index(None, "outcome", "due_at", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = ("key", "case_key", "duty", "due_at", "basis", "set_at", "outcome", "ended_at")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"))
    duty: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime]
    basis: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime] = mapped_column(default=utc_now)
    outcome: Mapped[str] = mapped_column(String(16), default=DeadlineOutcome.OPEN)
    ended_at: Mapped[datetime | None]


class CaseMeasure(Audited):
    """Restriction that the platform imposed on the content or account of a case.

    `ground` is the law or the terms of service, `automation` the part that no person had in it, and
    `notified_at` when the uploader was given the reasons.
    """

    __tablename__ = "case_measures"
    __table_args__ = (
        Index(None, "case_key", "key"),
        Index(None, "imposed_at", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "case_key", "restriction", "ground", "automation", "territory", "imposed_at",
        "notified_at", "lifted_at", "actor",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"))
    restriction: Mapped[str] = mapped_column(String(32))
    ground: Mapped[str] = mapped_column(String(16))
    automation: Mapped[str] = mapped_column(String(16))
    territory: Mapped[str] = mapped_column(Text, default="")
    imposed_at: Mapped[datetime] = mapped_column(default=utc_now)
    notified_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(Text)


class CaseAppeal(Audited):
    """Complaint about the decision of a case, and what became of it."""

    __tablename__ = "case_appeals"
    __table_args__ = (
        Index(None, "case_key", "key"),
        Index(None, "received_at", "key"),
        Index(None, "state", "due_at", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "case_key", "channel", "appellant", "received_at", "due_at", "grounds", "state",
        "decided_at", "decided_by",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"))
    channel: Mapped[str] = mapped_column(String(16))
    appellant: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
    due_at: Mapped[datetime]
    grounds: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(16), default=AppealState.RECEIVED)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(Text, default="")


class CaseRetention(Audited):
    """Retention class of a case, where it is not the configured one, and how long it has to stay.

    Before `keep_until` no retention removes the case.
    """

    __tablename__ = "case_retentions"
    __table_args__ = (Index(None, "retention_class", "case_key"),)
    audited = ("case_key", "retention_class", "keep_until")

    case_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("cases.key"), primary_key=True, autoincrement=False
    )
    retention_class: Mapped[str] = mapped_column(String(16))
    keep_until: Mapped[datetime | None]


class CasePreservation(Audited):
    """Last call to the vault of the platform about the content of a case.

    `sequence` counts the calls, so that the vault knows the newest; `delivered` is the last one
    that it accepted.
    """

    __tablename__ = "case_preservations"
    __table_args__ = (Index(None, "state", "until", "case_key"),)
    audited = ("case_key", "sequence", "state", "reason", "until")

    case_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("cases.key"), primary_key=True, autoincrement=False
    )
    sequence: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    until: Mapped[datetime | None]
    delivered: Mapped[int] = mapped_column(default=0)


class PreservationCheck(Base):
    """Case that changed since its preservation was last looked at."""

    __tablename__ = "preservation_checks"

    case_key: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
