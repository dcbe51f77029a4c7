"""Tables of sharing: consumers, what was published of lists, contributions, feedback."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, Base, LongInteger, utc_now


class Consumer(Audited):
    """Organisation that lists are shared with, and what of them it may see.

    `lists`, `categories` and `members` are JSON arrays; an empty one of the latter two permits all.
    `revision` counts its changes: what was pulled under another has to be pulled again. A `private`
    one is given no hash: it may only ask whether it has one that is listed.
    """

    __tablename__ = "consumers"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = (
        "key", "name", "lists", "categories", "members", "private", "revision", "removed_at",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    lists: Mapped[str] = mapped_column(Text)
    categories: Mapped[str] = mapped_column(Text, default="[]")
    members: Mapped[str] = mapped_column(Text, default="[]")
    private: Mapped[bool] = mapped_column(default=False, server_default=false())
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    removed_at: Mapped[datetime | None]


class ConsumerToken(Audited):
    """Token by which a consumer pulls."""

    __tablename__ = "consumer_tokens"
    __table_args__ = (Index(None, "consumer_key"), KEYS_ARE_NEVER_REUSED)
    audited = ("key", "token_id", "consumer_key")

    key: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[str] = mapped_column(String(16), unique=True)
    consumer_key: Mapped[int] = mapped_column(ForeignKey("consumers.key"))


class SharedList(Base):
    """How far a list was published: up to `generation`, and towards `target` while there is one.

    `position` is the last that was given. `stage` and `next_key` say where publication goes on,
    `next_id` in the stage "emptied".
    """

    __tablename__ = "shared_lists"

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    generation: Mapped[int | None]
    target: Mapped[int | None]
    stage: Mapped[str] = mapped_column(String(16), default="")
    next_key: Mapped[int] = mapped_column(LongInteger, default=0)
    next_id: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int] = mapped_column(LongInteger, default=0)
    # Random, and known to nobody: hides positions in ids that consumers see.
    secret: Mapped[bytes] = mapped_column()


class Publication(Base):
    """One step of a publication: the positions up to `position` were there at that time."""

    __tablename__ = "publications"
    __table_args__ = (Index(None, "list_key", "published_at"),)

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    position: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    published_at: Mapped[datetime]


class SharedEntry(Base):
    """One entry of a list as consumers know it, at the position of its newest change.

    `entry_id` is the one that people see. `entry_key` is of an entry without a licensor's id.
    `categories` are a JSON array, of all its hashes; `earlier` one of those arrays that it had: who
    might see it then, and may not now, is to withdraw it.
    """

    __tablename__ = "shared_entries"
    __table_args__ = (
        Index(None, "list_key", "position"),
        Index(None, "list_key", "first_position"),
    )

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    entry_id: Mapped[str] = mapped_column(Text, primary_key=True)
    entry_key: Mapped[int | None] = mapped_column(LongInteger)
    position: Mapped[int] = mapped_column(LongInteger)
    first_position: Mapped[int] = mapped_column(LongInteger)
    published_at: Mapped[datetime]
    first_published_at: Mapped[datetime]
    categories: Mapped[str] = mapped_column(Text)
    tags: Mapped[str] = mapped_column(Text)
    earlier: Mapped[str] = mapped_column(Text, default="[]")
    withdrawn: Mapped[bool] = mapped_column(default=False, server_default=false())


class FeedbackState(StrEnum):
    """State of feedback that a consumer gave."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class ReceivedFeedback(Audited):
    """Feedback of a consumer on a shared entry: a suggestion, which a person decides about.

    `decision_reason` is what that person wrote; the audit log has it, too.
    """

    __tablename__ = "received_feedback"
    __table_args__ = (
        UniqueConstraint("list_key", "entry_id", "algorithm", "consumer_key"),
        Index(None, "state", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "list_key", "entry_id", "algorithm", "consumer_key", "is_affirmative", "reason",
        "state", "decided_by",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    entry_id: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(String(32))
    consumer_key: Mapped[int] = mapped_column(ForeignKey("consumers.key"))
    is_affirmative: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text, default="")
    given_at: Mapped[datetime] = mapped_column(default=utc_now)
    state: Mapped[str] = mapped_column(String(16), default=FeedbackState.OPEN)
    decided_by: Mapped[str] = mapped_column(Text, default="")
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str] = mapped_column(Text, default="", server_default="")


class ContributionState(StrEnum):
    """State of a contribution."""

    PROPOSED = "proposed"
    ADDED = "added"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Contribution(Audited):
    """Hashes of a confirmed case that were added to an own list, or are proposed for it.

    `content_key` is the evidence whose hashes they are, `entry` their number in the list once they
    are there. `classification` is a JSON object of codes by scheme, `generated` what is known of
    the making of the picture.
    """

    __tablename__ = "contributions"
    __table_args__ = (
        Index(None, "case_key", "key"),
        Index(None, "list_key", "entry"),
        Index(None, "state", "key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = (
        "key", "list_key", "case_key", "content_key", "entry", "state", "category",
        "classification", "jurisdiction", "basis", "generated", "note", "proposed_by", "decided_by",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    # No foreign keys: it outlives the case, which retention removes.
    case_key: Mapped[int] = mapped_column(LongInteger)
    content_key: Mapped[int] = mapped_column(LongInteger)
    entry: Mapped[int | None] = mapped_column(LongInteger)
    state: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(Text)
    classification: Mapped[str] = mapped_column(Text, default="{}")
    jurisdiction: Mapped[str] = mapped_column(Text, default="")
    basis: Mapped[str] = mapped_column(Text, default="")
    generated: Mapped[str] = mapped_column(String(16), default="unknown")
    note: Mapped[str] = mapped_column(Text, default="")
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_by: Mapped[str] = mapped_column(Text, default="")
    decided_at: Mapped[datetime | None]
