"""Tables of the audit log: unsealed batches, sealed records, their signed end, and checkpoints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger


class AuditBatch(Base):
    """Records of one transaction until they are sealed, as one text with its SHA-256.

    `signature` is of the process that wrote them, where a signing key is configured. `at` and
    `size`, the number of records, repeat the text. Keys of batches with records of one row are in
    the order of these.
    """

    __tablename__ = "audit_batches"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    at: Mapped[datetime]
    size: Mapped[int]
    records: Mapped[str] = mapped_column(Text)
    records_hash: Mapped[bytes]
    key_id: Mapped[str] = mapped_column(String(16), default="")
    signature: Mapped[bytes | None]


class AuditRecord(Base):
    """One action: its actor, its time, and the row that it was about; sealed, so it has a number.

    `facts` are a JSON object without hash values, secrets or personal data.
    """

    __tablename__ = "audit_records"

    number: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(32))
    subject_key: Mapped[int | None] = mapped_column(LongInteger)
    facts: Mapped[str] = mapped_column(Text)
    state_hash: Mapped[bytes | None]
    record_hash: Mapped[bytes]

    __table_args__ = (Index(None, subject, subject_key, number),)


class AuditHead(Base):
    """The one row that names the end of the chain, signed where a signing key is configured."""

    __tablename__ = "audit_head"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(LongInteger)
    record_hash: Mapped[bytes]
    signed_at: Mapped[datetime | None]
    key_id: Mapped[str] = mapped_column(String(16), default="")
    signature: Mapped[bytes | None]


class AuditCheckpoint(Base):
    """A signature over an earlier end of the chain."""

    __tablename__ = "audit_checkpoints"

    number: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    record_hash: Mapped[bytes]
    signed_at: Mapped[datetime]
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[bytes]
