"""Tables of cases: their notes, uploader details and reports to NCMEC."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, LongInteger, utc_now


class ReviewResult(StrEnum):
    """Result of the review of a case, which it keeps when it is closed."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"


class Case(Audited):
    """All matches under one content id, and the decisions about them.

    Its evidence are the rows of contents of that id, of which `content_key` is the first.
    Cases of one id from before there was one for each are merged: they are closed, have no
    `content_id`, and the case of the id has all matches.

    `notified_at` is when a target of an escalation was first notified, `proposal` an action that
    waits for a second approval, `legal_hold` the reason for one. `newest_match` is the key of the
    newest match in it; `revision` counts its changes. Priority 0 comes first. `result` follows from
    the decisions, which the audit log has.
    """

    __tablename__ = "cases"
    audited = (
        "key", "content_key", "content_id", "state", "priority", "due_at", "assignee",
        "opened_at", "decided_at", "notified_at", "proposal", "proposed_by", "legal_hold",
        "newest_match", "reopened", "revision",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    content_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("contents.key"), unique=True)
    content_id: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    due_at: Mapped[datetime]
    assignee: Mapped[str] = mapped_column(Text, default="")
    opened_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None]
    proposal: Mapped[str] = mapped_column(Text, default="")
    proposed_by: Mapped[str] = mapped_column(Text, default="")
    legal_hold: Mapped[str] = mapped_column(Text, default="")
    newest_match: Mapped[int] = mapped_column(LongInteger)
    reopened: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=1)
    result: Mapped[str] = mapped_column(
        String(16), default=ReviewResult.OPEN, server_default=ReviewResult.OPEN
    )

    __table_args__ = (
        # The queue of all states, of one, and of one person's in one.
        Index(None, "priority", "due_at", "key"),
        Index(None, "state", "priority", "due_at", "key"),
        Index(None, "assignee", "state", "priority", "due_at", "key"),
        Index(None, "state", "due_at"),
        Index(None, "state", "changed_at", "key"),
        Index(None, "opened_at", "key"),
        Index("uq_cases_content_id", "content_id", unique=True),
        # Few of all: those that wait for a second approval.
        Index(
            "ix_cases_proposed",
            "priority",
            "due_at",
            "key",
            sqlite_where=text("proposal != ''"),
            postgresql_where=text("proposal != ''"),
        ),
        KEYS_ARE_NEVER_REUSED,
    )


class CaseNote(Audited):
    """Note on a case."""

    __tablename__ = "case_notes"
    __table_args__ = (Index(None, "case_key", "key"), KEYS_ARE_NEVER_REUSED)
    audited = ("key", "case_key", "at", "actor", "text")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"))
    at: Mapped[datetime] = mapped_column(default=utc_now)
    actor: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class UploaderDetails(Audited):
    """Uploader details of a case as the platform sent them, encrypted with the key `key_id`.

    `account_digest` is a keyed digest of the account's id, by which its other cases are found.
    """

    __tablename__ = "uploader_details"
    __table_args__ = (
        Index(None, "account_digest", "case_key"),
        Index(None, "key_id", "case_key"),
        Index(None, "received_at", "case_key"),
    )
    audited = ("case_key", "key_id", "sealed")

    case_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("cases.key"), primary_key=True, autoincrement=False
    )
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[str] = mapped_column(Text)
    account_digest: Mapped[str] = mapped_column(String(64), default="")


class NCMECReport(Audited):
    """One report of a case to NCMEC's CyberTipline, and its stage.

    A stage ending in "ing" was begun, and may or may not have been completed. `turn` tells one
    sender from another that took over, `created_at` is when it was queued, and what was found later
    is not of it; `began_at` is when the last one began, and `touched_at` when the server last knew
    the report. `content_key` is the evidence for whose file it was opened,
    none before that.
    """

    __tablename__ = "ncmec_reports"
    __table_args__ = (Index(None, "case_key"), Index(None, "finished_at"), KEYS_ARE_NEVER_REUSED)
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
    content_key: Mapped[int | None] = mapped_column(LongInteger)
    turn: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    began_at: Mapped[datetime | None]
    touched_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
