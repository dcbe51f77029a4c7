"""Tables of back-fills: their shards, and which of their images are on record already."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, Base, LongInteger, utc_now


class Backfill(Audited):
    """Screening of everything that some sources have, which may take many runs.

    `fingerprint` tells which sources, while it goes on: null afterwards, and then `sources` is
    empty. The images were divided into shards up to `planned_position` of the source
    `planned_source`, and all of them with `is_planned`; `found` of them were there then, and
    `screened` were there when it was their turn.
    """

    __tablename__ = "backfills"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = ("key", "started_at", "ended_at")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    fingerprint: Mapped[str | None] = mapped_column(String(64), unique=True)
    sources: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    ended_at: Mapped[datetime | None]
    planned_source: Mapped[int] = mapped_column(default=0)
    planned_position: Mapped[str] = mapped_column(Text, default="")
    is_planned: Mapped[bool] = mapped_column(default=False)
    shards: Mapped[int] = mapped_column(LongInteger, default=0)
    found: Mapped[int] = mapped_column(LongInteger, default=0)
    screened: Mapped[int] = mapped_column(LongInteger, default=0)
    is_abandoned: Mapped[bool] = mapped_column(default=False)


class BackfillShard(Base):
    """Part of a source: what comes after `position`, up to `until` or the end of the source.

    `position` follows what is on record.
    """

    __tablename__ = "backfill_shards"
    __table_args__ = (Index(None, "backfill_key", "is_done", "leased_until", "number"),)

    backfill_key: Mapped[int] = mapped_column(ForeignKey("backfills.key"), primary_key=True)
    number: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    source: Mapped[int]
    position: Mapped[str] = mapped_column(Text)
    until: Mapped[str | None] = mapped_column(Text)
    is_done: Mapped[bool] = mapped_column(default=False)
    leased_by: Mapped[str] = mapped_column(String(64), default="")
    leased_until: Mapped[datetime | None]


class BackfillResult(Base):
    """Image of a back-fill that is on record, by a keyed digest of its content id.

    And of its version, the generations of the lists and the versions of the hashers. The key is not
    in the store. Removed when the back-fill ends.
    """

    __tablename__ = "backfill_results"

    backfill_key: Mapped[int] = mapped_column(ForeignKey("backfills.key"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)


class BackfillCount(Base):
    """Number of images of a back-fill with the same outcome."""

    __tablename__ = "backfill_counts"

    backfill_key: Mapped[int] = mapped_column(ForeignKey("backfills.key"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32), primary_key=True)
    count: Mapped[int] = mapped_column(LongInteger)
