"""Tables of look-ups by near-equal hashes, which are limited."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger


class LookupAnchor(Base):
    """First hash of a UTC day that was looked up near an entry; all near-equal ones count with it.

    `value` is the hash that was looked up, and `lookups` the number of different ones about it that
    were answered. `limited_at` is when the first was not answered any more.
    """

    __tablename__ = "lookup_anchors"
    __table_args__ = (Index(None, "day", "key"), Index(None, "limited_at"), KEYS_ARE_NEVER_REUSED)

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    day: Mapped[date]
    algorithm: Mapped[str] = mapped_column(String(32))
    value: Mapped[bytes]
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    entry_key: Mapped[int] = mapped_column(LongInteger)
    lookups: Mapped[int] = mapped_column(default=0)
    limited_at: Mapped[datetime | None]


class NearLookup(Base):
    """A hash that was looked up and answered, near an anchor: to ask for it again tells no more."""

    __tablename__ = "near_lookups"

    anchor_key: Mapped[int] = mapped_column(
        LongInteger, ForeignKey("lookup_anchors.key"), primary_key=True
    )
    value: Mapped[bytes] = mapped_column(primary_key=True)
