"""Tables of prompts: what of them matched listed terms, never a prompt and never a term."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, Base, LongInteger, utc_now


class PromptMatch(Audited):
    """Match of one prompt with one term of a list.

    `digest` is a keyed hash of the prompt, under a key that is not in the store: a prompt is short
    enough to be guessed. The licensor's terms are copied, as in the matches of images.
    """

    __tablename__ = "prompt_matches"
    __table_args__ = (
        UniqueConstraint("digest", "prompt_id", "entry_key"),
        Index(None, "matched_at", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "matched_at", "prompt_id", "digest", "list_key", "entry_key", "generation",
        "licensor", "entry_id", "category", "action",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    matched_at: Mapped[datetime] = mapped_column(default=utc_now)
    prompt_id: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes]
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    entry_key: Mapped[int] = mapped_column(LongInteger)
    generation: Mapped[int]
    licensor: Mapped[str] = mapped_column(Text)
    entry_id: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(16))


class PromptCount(Base):
    """Number of prompts of one UTC day with the same outcome, by where they came in."""

    __tablename__ = "prompt_counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32), primary_key=True)
    count: Mapped[int] = mapped_column(LongInteger)
