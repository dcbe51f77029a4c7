"""The tables of what people do about matches: cases, notes, sealed details, reports to NCMEC."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger, utc_now


class Case(Base):
    """All matches of one content item, and what people decided about it.

    `told_at` is when somebody was told of it, `proposal` a decision that waits for a second person.
    `newest_match` is the key of the newest match that it knows of; `change` counts its changes.
    Priority 0 comes first.
    """

    __tablename__ = "cases"
    audited = (
        "key", "content_key", "state", "priority", "due_at", "assignee", "opened_at",
        "decided_at", "told_at", "proposal", "proposed_by", "hold", "newest_match", "reopened",
        "change",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    content_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("contents.key"), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    due_at: Mapped[datetime]
    assignee: Mapped[str] = mapped_column(Text, default="")
    opened_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    proposal: Mapped[str] = mapped_column(Text, default="")
    proposed_by: Mapped[str] = mapped_column(Text, default="")
    hold: Mapped[str] = mapped_column(Text, default="")
    newest_match: Mapped[int] = mapped_column(LongInteger)
    reopened: Mapped[int] = mapped_column(default=0)
    change: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index(None, "priority", "due_at", "key"),
        Index(None, "state", "changed_at"),
        Index(None, "opened_at"),
        KEYS_ARE_NEVER_REUSED,
    )


class CaseNote(Base):
    """What somebody had to say about a case."""

    __tablename__ = "case_notes"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = ("key", "case_key", "at", "person", "text")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"), index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    person: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class CaseDetails(Base):
    """Who uploaded the content and from where, as the platform told it: encrypted.

    `key_id` says with which key.
    """

    __tablename__ = "case_details"
    audited = ("case_key", "key_id", "sealed")

    case_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("cases.key"), primary_key=True, autoincrement=False
    )
    given_at: Mapped[datetime] = mapped_column(default=utc_now)
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[str] = mapped_column(Text)


class NCMECReport(Base):
    """One report of a case to NCMEC's CyberTipline, and how far it got.

    `stage` is a step that was taken, or one of which nobody knows whether it was. The turn tells
    one sender from another that took over; `touched_at` is when the server last knew the report.
    """

    __tablename__ = "ncmec_reports"
    __table_args__ = (Index(None, "case_key"), KEYS_ARE_NEVER_REUSED)
    audited = (
        "key", "case_key", "target", "base", "is_test", "stage", "report_id", "file_id",
        "without_file", "finished_at",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"))
    target: Mapped[str] = mapped_column(String(64))
    base: Mapped[str] = mapped_column(Text)
    is_test: Mapped[bool]
    stage: Mapped[str] = mapped_column(String(16))
    report_id: Mapped[str] = mapped_column(String(32), default="")
    file_id: Mapped[str] = mapped_column(String(64), default="")
    without_file: Mapped[str] = mapped_column(Text, default="")
    turn: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    touched_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
