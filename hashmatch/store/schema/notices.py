"""Tables of notices: requests to remove intimate images, what they ask for, and who made them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, LongInteger, utc_now


class NoticeState(StrEnum):
    """State of a notice; the last four are its outcomes."""

    # A part of a valid request is missing: the clock does not run.
    INCOMPLETE = "incomplete"
    # Every part is there: the clock runs.
    VALID = "valid"
    REMOVED = "removed"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"


class Notice(Audited):
    """One request to remove an intimate image, and what became of it.

    `request_id` is ours and random, `reference` the platform's own, once each. `fingerprint` is a
    digest of the request as it came first, by which the same one is known when it comes again.
    `completed_at` is when the last part of a valid request was there, from which `due_at` counts;
    both are null before that. `placed_at` is its place among those of its state: when it is due,
    came, or was closed. `duplicate_of` is the key of another one. Numbers of copies are null where
    nobody counted.
    """

    __tablename__ = "notices"
    audited = (
        "key", "request_id", "reference", "state", "received_at", "completed_at", "due_at",
        "has_signature", "has_identification", "has_good_faith", "has_contact", "has_standing",
        "closed_at", "closed_by", "reason", "note", "duplicate_of", "copies_found",
        "copies_removed", "requester_notified_at",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    request_id: Mapped[str] = mapped_column(String(20), unique=True)
    reference: Mapped[str | None] = mapped_column(Text, unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    placed_at: Mapped[datetime]
    has_signature: Mapped[bool]
    has_identification: Mapped[bool]
    has_good_faith: Mapped[bool]
    has_contact: Mapped[bool]
    has_standing: Mapped[bool]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(String(32), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    duplicate_of: Mapped[int | None] = mapped_column(LongInteger)
    copies_found: Mapped[int | None]
    copies_removed: Mapped[int | None]
    requester_notified_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "state", "placed_at", "key"),
        Index(None, "received_at", "key"),
        Index(None, "closed_at", "key"),
        KEYS_ARE_NEVER_REUSED,
    )


class NoticeItem(Audited):
    """One place of the image that a notice names: a content id, a URL, or both.

    `entry` is the number of an entry of an own list that has its hashes, by which copies are found.
    """

    __tablename__ = "notice_items"
    __table_args__ = (
        Index(None, "notice_key", "key"),
        Index(None, "content_id", "notice_key"),
        KEYS_ARE_NEVER_REUSED,
    )
    audited = ("key", "notice_key", "content_id", "url", "removed_at", "list_key", "entry")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    notice_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("notices.key"))
    content_id: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[datetime | None]
    list_key: Mapped[int | None] = mapped_column(ForeignKey("lists.key"))
    entry: Mapped[int | None] = mapped_column(LongInteger)


class NoticeContact(Audited):
    """The person who made a notice, and their own words, encrypted with the key `key_id`."""

    __tablename__ = "notice_contacts"
    __table_args__ = (Index(None, "key_id", "notice_key"),)
    audited = ("notice_key", "key_id", "sealed")

    notice_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("notices.key"), primary_key=True, autoincrement=False
    )
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[str] = mapped_column(Text)
