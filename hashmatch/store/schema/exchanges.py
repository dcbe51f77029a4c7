"""Tables of exchanges that entries are sent to: what each has of them, and what it still lacks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger


class Exchange(Base):
    """An exchange by its name in the configuration, and the lease of the process that sends to it.

    Nothing is sent until `paused_until`, for the reason in `problem`; where it `is_blocked`, only a
    person can end that reason. `failures` are those in a row.
    """

    __tablename__ = "exchanges"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    leased_by: Mapped[str] = mapped_column(String(64), default="")
    leased_until: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")
    is_blocked: Mapped[bool] = mapped_column(default=False, server_default=false())
    failures: Mapped[int] = mapped_column(default=0)


class ExchangeCursor(Base):
    """The position up to which the changes of a list were taken up for an exchange.

    `conditions` is a digest of the settings by which they were: under others all of the list is
    taken up again.
    """

    __tablename__ = "exchange_cursors"

    exchange: Mapped[str] = mapped_column(ForeignKey("exchanges.name"), primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    position: Mapped[int] = mapped_column(LongInteger, default=0)
    conditions: Mapped[str] = mapped_column(String(64), default="")


class SendingState(StrEnum):
    """State of an entry at an exchange."""

    # It is to be sent, or sent again since it was changed.
    WAITING = "waiting"
    # It is to be withdrawn there, before any other is sent.
    WITHDRAWING = "withdrawing"
    # The exchange has it as it is.
    SENT = "sent"
    # It has no hash of a kind that the exchange takes.
    NOT_TAKEN = "not taken"
    # The exchange does not have it, or not any more.
    WITHDRAWN = "withdrawn"
    # The exchange refused it for good; `problem` says why.
    REFUSED = "refused"
    # A person gave it up, until it is changed.
    DROPPED = "dropped"


class ExchangeEntry(Base):
    """An entry of a list at an exchange, at the position of the change that was taken up last.

    `next_attempt_at` is None unless it is waiting or withdrawing.
    """

    __tablename__ = "exchange_entries"
    __table_args__ = (Index(None, "exchange", "list_key", "state", "next_attempt_at"),)

    exchange: Mapped[str] = mapped_column(ForeignKey("exchanges.name"), primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    entry_id: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(LongInteger)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")


class ExchangeItem(Base):
    """Part of an entry that an exchange has or may have: a hash, or the entry as a whole.

    Written before it is sent, and deleted once it is known to be gone there. `algorithm` and
    `value` are empty of an entry as a whole. `remote_id` is the exchange's own, where it is known.
    `sent_digest` is of all that was sent of it, and empty as long as nobody knows that it arrived.
    """

    __tablename__ = "exchange_items"
    __table_args__ = (
        UniqueConstraint("exchange", "list_key", "entry_id", "algorithm", "value"),
        Index(None, "exchange", "algorithm", "value"),
        KEYS_ARE_NEVER_REUSED,
    )

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    exchange: Mapped[str] = mapped_column(ForeignKey("exchanges.name"))
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    entry_id: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(String(32))
    value: Mapped[bytes] = mapped_column(LargeBinary)
    remote_id: Mapped[str] = mapped_column(Text, default="")
    sent_digest: Mapped[str] = mapped_column(String(64), default="")
