"""Tables of the gate before a generator: what it decided, and under which safeguards."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Audited, Base, LongInteger


class GateCount(Base):
    """Number of pictures of one UTC day with the same decision, by adapter of the gate and side."""

    __tablename__ = "gate_counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    adapter: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16), primary_key=True)
    shown: Mapped[bool] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(LongInteger)


class SafeguardRecord(Audited):
    """Safeguards of one gate from a moment on: its version, lists, thresholds and mode as JSON."""

    __tablename__ = "safeguards"
    __table_args__ = (Index(None, "gate", "key"), Index(None, "recorded_at"))
    audited = ("key", "recorded_at", "gate", "facts")

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    recorded_at: Mapped[datetime]
    gate: Mapped[str] = mapped_column(String(64))
    facts: Mapped[str] = mapped_column(Text)
