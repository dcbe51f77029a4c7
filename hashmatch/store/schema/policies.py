"""Tables of policies: the settings that decided verdicts and duties, and since when each did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, LongInteger, utc_now


class RecordedPolicy(Audited):
    """One policy, by the SHA-256 of its facts, a JSON object by key of the configuration.

    `reason` is empty until somebody explains it; `evaluation` is a JSON object of what it rests on,
    or empty. `last_seen_at` is when a process last started under it, to the hour.
    """

    __tablename__ = "policies"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = (
        "key", "digest", "facts", "reason", "evaluation", "explained_by", "explained_at",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    facts: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    evaluation: Mapped[str] = mapped_column(Text, default="")
    explained_by: Mapped[str] = mapped_column(Text, default="")
    explained_at: Mapped[datetime | None]


class PolicyChange(Audited):
    """A policy came into force, in place of another or, of a new store, as the first."""

    __tablename__ = "policy_changes"
    __table_args__ = (Index(None, "policy_key", "changed_at"), KEYS_ARE_NEVER_REUSED)
    audited = ("key", "policy_key", "before_key", "changed_at")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    policy_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("policies.key"))
    before_key: Mapped[int | None] = mapped_column(LongInteger, ForeignKey("policies.key"))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
