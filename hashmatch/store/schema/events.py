"""Table of the upload events that are counted already."""

from __future__ import annotations

from datetime import date

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class CountedEvent(Base):
    """Upload event that is counted, by a keyed digest of it; the key is not in the store."""

    __tablename__ = "counted_events"

    digest: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    counted_on: Mapped[date] = mapped_column(index=True)
