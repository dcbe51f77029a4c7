"""Table of messages to other systems."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger, utc_now

_WAITING = text("next_attempt_at IS NOT NULL")
# Sent, or dead and not about a case: those end with the case.
MESSAGE_IS_DONE = text("next_attempt_at IS NULL AND (sent_at IS NOT NULL OR case_key IS NULL)")


class OutboxMessage(Base):
    """Message to another system, retried until it is delivered.

    `subject` prevents queueing the same notification twice; `body` is a JSON object without secrets
    or hash values. A message that is neither sent nor dead waits for `next_attempt_at`.
    """

    __tablename__ = "outbox"
    # Messages that were sent are many, and no sender should have to look at them.
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "kind",
            "target",
            "next_attempt_at",
            "key",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index(
            "ix_outbox_done",
            "created_at",
            "key",
            sqlite_where=MESSAGE_IS_DONE,
            postgresql_where=MESSAGE_IS_DONE,
        ),
        KEYS_ARE_NEVER_REUSED,
    )

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    target: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200), unique=True)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=utc_now)
    attempts: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(Text, default="")
    case_key: Mapped[int | None] = mapped_column(LongInteger, index=True)
    sent_at: Mapped[datetime | None]
