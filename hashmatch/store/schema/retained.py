"""Table of what retained hashes were compared with. The hashes are not in the store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, utc_now


class RetroMatch(Base):
    """Comparison of the retained hashes of a folder with a list, up to one of its generations."""

    __tablename__ = "retro_matches"

    folder: Mapped[str] = mapped_column(String(32), primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    generation: Mapped[int]
    matched_at: Mapped[datetime] = mapped_column(default=utc_now)
