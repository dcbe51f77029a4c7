"""Tables of the console: sessions, saved queues, looks at content, and scheduled reports."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger, utc_now


class ConsoleSession(Base):
    """Session of a person in the console; of its secret only the SHA-256 is stored.

    `scopes` are a JSON array. One that began with a token has its `token_id`, and ends with it and
    has its scopes; one that began at an identity provider has that one's `subject`.
    """

    __tablename__ = "console_sessions"
    __table_args__ = (
        Index(None, "name", "key"),
        Index(None, "ends_at"),
        Index(None, "token_id"),
        KEYS_ARE_NEVER_REUSED,
    )

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(Text)
    token_id: Mapped[str] = mapped_column(String(16), default="")
    subject: Mapped[str] = mapped_column(Text, default="")
    scopes: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime] = mapped_column(default=utc_now)
    used_at: Mapped[datetime] = mapped_column(default=utc_now)
    ends_at: Mapped[datetime]


class SavedQueue(Base):
    """Filter of the queue under a name, for its owner alone or for those whom `access` names.

    `query` is the query of its URL, `access` a JSON array of names of people and of scopes.
    """

    __tablename__ = "saved_queues"
    __table_args__ = (UniqueConstraint("owner", "name"), KEYS_ARE_NEVER_REUSED)

    key: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    access: Mapped[str] = mapped_column(Text, default="[]")
    saved_at: Mapped[datetime] = mapped_column(default=utc_now)


class ContentLook(Base):
    """One look of a person at the content of a case, in the platform's own viewer."""

    __tablename__ = "content_looks"
    __table_args__ = (
        Index(None, "name", "looked_at"),
        Index(None, "case_key", "key"),
        KEYS_ARE_NEVER_REUSED,
    )

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    case_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("cases.key"))
    content_key: Mapped[int] = mapped_column(LongInteger)
    name: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    looked_at: Mapped[datetime] = mapped_column(default=utc_now)


class ReportSchedule(Base):
    """Report of figures that is made of each day, week or month once it is over."""

    __tablename__ = "report_schedules"
    __table_args__ = (UniqueConstraint("name"), KEYS_ARE_NEVER_REUSED)

    key: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    form: Mapped[str] = mapped_column(String(16))
    every: Mapped[str] = mapped_column(String(8))
    owner: Mapped[str] = mapped_column(Text)
    # The first day of the period that is made next.
    next_day: Mapped[date]


class MadeReport(Base):
    """Report of a schedule, of a period, as it was made."""

    __tablename__ = "made_reports"
    __table_args__ = (UniqueConstraint("schedule_key", "since"), KEYS_ARE_NEVER_REUSED)

    key: Mapped[int] = mapped_column(primary_key=True)
    schedule_key: Mapped[int] = mapped_column(ForeignKey("report_schedules.key"))
    since: Mapped[date]
    until: Mapped[date]
    made_at: Mapped[datetime] = mapped_column(default=utc_now)
    data: Mapped[bytes]
