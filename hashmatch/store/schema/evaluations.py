"""Tables of samples of matches that are drawn to be reviewed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, LongInteger, utc_now
from .cases import ReviewResult


class ReviewSample(Audited):
    """A random sample of the matches of a period.

    `size` is the number that was asked for, `list_name` is empty for all lists, and `populations`
    is a JSON object with the number of matches that could have been drawn, by list.
    """

    __tablename__ = "review_samples"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = (
        "key", "drawn_at", "drawn_by", "seed", "size", "since", "until", "list_name", "by_list",
        "nearness", "populations",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    drawn_at: Mapped[datetime] = mapped_column(default=utc_now)
    drawn_by: Mapped[str] = mapped_column(Text)
    seed: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    list_name: Mapped[str] = mapped_column(Text)
    by_list: Mapped[bool]
    nearness: Mapped[str] = mapped_column(String(8))
    populations: Mapped[str] = mapped_column(Text)


class SampledMatch(Audited):
    """A match in a sample. It stays when retention removes the match, with the result until then.

    So `match_key` may point nowhere. Until `removed_at` the result is that of the match's case.
    """

    __tablename__ = "sampled_matches"
    __table_args__ = (UniqueConstraint("sample_key", "match_key"), KEYS_ARE_NEVER_REUSED)
    audited = (
        "key", "sample_key", "match_key", "list_name", "algorithm", "distance_bits",
        "threshold_bits", "view", "removed_at", "result",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    sample_key: Mapped[int] = mapped_column(LongInteger, ForeignKey("review_samples.key"))
    match_key: Mapped[int] = mapped_column(LongInteger, index=True)
    list_name: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(String(32))
    distance_bits: Mapped[int]
    threshold_bits: Mapped[int]
    view: Mapped[str] = mapped_column(String(32))
    removed_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(
        String(16), default=ReviewResult.OPEN, server_default=ReviewResult.OPEN
    )
