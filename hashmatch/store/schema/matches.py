"""Tables of matches: content items with their hashes, matches, allowed matches, daily counts.

None of them can hold an image.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, Base, LongInteger, utc_now


class Content(Audited):
    """A content item that matched: the platform's own names for it and what kind of file it was.

    `fingerprint` is the SHA-256 of its bytes, or of its hashes where only those were looked up.
    The times of its first match within the threshold and of its first near one are set by triggers
    of the database, for the figures. What the file declares of its origin is empty where no file
    was read; the audit log has it among the facts of its record.
    """

    __tablename__ = "contents"
    __table_args__ = (
        UniqueConstraint("content_id", "fingerprint"),
        Index(None, "first_matched_at"),
        Index(None, "first_near_at"),
        Index(
            "ix_contents_declared",
            "declared",
            sqlite_where=text("declared != ''"),
            postgresql_where=text("declared != ''"),
        ),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "content_id", "reference", "fingerprint", "format", "width", "height", "frames",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    content_id: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text, default="")
    fingerprint: Mapped[bytes]
    format: Mapped[str] = mapped_column(String(16), default="")
    width: Mapped[int | None]
    height: Mapped[int | None]
    frames: Mapped[int | None]
    declared: Mapped[str] = mapped_column(String(16), default="", server_default="")
    # The names of the marks, with a blank between them.
    evidence: Mapped[str] = mapped_column(Text, default="", server_default="")
    c2pa: Mapped[str] = mapped_column(String(16), default="", server_default="")
    issuer: Mapped[str | None] = mapped_column(Text)
    first_matched_at: Mapped[datetime | None]
    first_near_at: Mapped[datetime | None]


class ContentHash(Base):
    """One hash of a content item that matched."""

    __tablename__ = "content_hashes"

    content_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("contents.key"), primary_key=True
    )
    algorithm: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str] = mapped_column(String(32), primary_key=True)
    frame: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    orientation: Mapped[str] = mapped_column(String(16), primary_key=True)
    view: Mapped[str] = mapped_column(String(32), primary_key=True, server_default="full")
    # Several renderings of a frame may have one view, such as those over different greys.
    rendering: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, server_default="0"
    )
    decode: Mapped[str] = mapped_column(String(16), server_default="full")
    value: Mapped[bytes]
    quality: Mapped[int | None]


class MatchRecord(Audited):
    """Match of one content item with one hash of a list, with everything that explains it later.

    It names the entry that stands for the `entries` that shared the hash when it was recorded. The
    licensor's terms (its name, entry id, category) are copied, since they may change and the entry
    may have to be deleted when a licence ends; `entry_key` then points nowhere. `value` is the
    content's own hash that matched.
    """

    __tablename__ = "matches"
    __table_args__ = (
        UniqueConstraint("content_key", "entry_key"),
        # Of a period, of a list in it, and of an entry.
        Index(None, "matched_at", "key"),
        Index(None, "list_key", "matched_at", "key"),
        Index(None, "entry_key"),
        Index(None, "list_key", "entry_id", "content_key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "matched_at", "content_key", "list_key", "entry_key", "generation", "licensor",
        "entry_id", "category", "action", "algorithm", "hasher_version", "value", "distance_bits",
        "threshold_bits", "quality", "frame", "orientation", "view", "decode",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    matched_at: Mapped[datetime] = mapped_column(default=utc_now)
    content_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("contents.key"))
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    entry_key: Mapped[int] = mapped_column(LongInteger)
    entries: Mapped[int] = mapped_column(default=1, server_default="1")
    generation: Mapped[int]
    licensor: Mapped[str] = mapped_column(Text)
    entry_id: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(16))
    algorithm: Mapped[str] = mapped_column(String(32))
    hasher_version: Mapped[str] = mapped_column(String(32))
    value: Mapped[bytes]
    distance_bits: Mapped[int]
    threshold_bits: Mapped[int]
    quality: Mapped[int | None]
    frame: Mapped[int]
    orientation: Mapped[str] = mapped_column(String(16))
    view: Mapped[str] = mapped_column(String(32), server_default="full")
    decode: Mapped[str] = mapped_column(String(16), server_default="full")


class EntryActivity(Base):
    """How many content items an entry matched for the first time in its newest UTC day of any.

    `flooded_on` is the last day on which they were too many, `flooding_since` when a person was
    first asked about it. `action` is what a person then set: empty for nothing yet.
    """

    __tablename__ = "entry_activity"
    # Few of all that ever matched.
    __table_args__ = (
        Index(
            "ix_entry_activity_flooding_since",
            "flooding_since",
            sqlite_where=text("flooding_since IS NOT NULL"),
            postgresql_where=text("flooding_since IS NOT NULL"),
        ),
    )

    entry_key: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    day: Mapped[date]
    contents: Mapped[int]
    flooded_on: Mapped[date | None]
    flooding_since: Mapped[datetime | None]
    action: Mapped[str] = mapped_column(String(16), default="", server_default="")
    decided_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    decided_at: Mapped[datetime | None]


class AllowedMatchRecord(Audited):
    """Match that an allow list explains: its entry there, its reason and its actor."""

    __tablename__ = "allowed_matches"
    __table_args__ = (
        UniqueConstraint("content_key", "entry_key", "allow_entry_key"),
        Index(None, "allowed_at", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "allowed_at", "content_key", "list_key", "generation", "entry_key", "entry_id",
        "algorithm", "distance_bits", "allow_list_key", "allow_entry_key", "allow_entry_id",
        "reason", "actor",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    allowed_at: Mapped[datetime] = mapped_column(default=utc_now)
    content_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("contents.key"))
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    generation: Mapped[int]
    entry_key: Mapped[int] = mapped_column(LongInteger)
    entry_id: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(String(32))
    distance_bits: Mapped[int]
    allow_list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    allow_entry_key: Mapped[int] = mapped_column(LongInteger)
    allow_entry_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)


class DailyCount(Base):
    """Number of images of one UTC day that were clear or unscreened: their only trace."""

    __tablename__ = "daily_counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32), primary_key=True)
    count: Mapped[int]
