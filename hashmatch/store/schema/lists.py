"""Tables of lists: generations, entries, unsupported hashes, syncs and quarantined deliveries.

The hash of an entry never changes, an entry is only withdrawn: what a list matched at any
generation can be worked out again.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Base, LongInteger, utc_now


class StoreIdentity(Base):
    """One row with a random name, given when the store is made: what an index says it is of."""

    __tablename__ = "store_identity"

    identity: Mapped[str] = mapped_column(String(32), primary_key=True)


class HashList(Base):
    """A list that somebody licenses to us. `generation` counts its changes, from 0 when empty.

    A list of the kind `allow` holds known false positives instead, which nothing is matched with.
    """

    __tablename__ = "lists"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = (
        "key", "name", "kind", "licensor", "licence_end", "generation", "active_entries",
        "removed_at",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16), server_default="match")
    licensor: Mapped[str] = mapped_column(Text, default="")
    licence_end: Mapped[date | None]
    generation: Mapped[int] = mapped_column(default=0)
    active_entries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    removed_at: Mapped[datetime | None]


class Generation(Base):
    """One change of a list: where it came from and how many entries it added and withdrew."""

    __tablename__ = "generations"

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    source: Mapped[str] = mapped_column(Text)
    added: Mapped[int]
    withdrawn: Mapped[int]
    changed: Mapped[int]


class Entry(Base):
    """One hash of a list, active from one generation until it is withdrawn in a later one.

    `entry_id` is the licensor's, empty where it gives none; `tags` are a JSON array.
    """

    __tablename__ = "entries"

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    algorithm: Mapped[str] = mapped_column(String(32))
    value: Mapped[bytes] = mapped_column()
    entry_id: Mapped[str] = mapped_column(Text, default="")
    category: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[str] = mapped_column(Text, default="[]")
    added_at: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    added_generation: Mapped[int]
    withdrawn_generation: Mapped[int | None] = mapped_column()
    # An entry that an operator withdrew stays out when its licensor sends it again.
    withdrawn_by_operator: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index(
            "uq_entries_active",
            list_key,
            algorithm,
            value,
            entry_id,
            unique=True,
            sqlite_where=text("withdrawn_generation IS NULL"),
            postgresql_where=text("withdrawn_generation IS NULL"),
        ),
        Index(
            "ix_entries_held",
            list_key,
            algorithm,
            value,
            entry_id,
            sqlite_where=text("withdrawn_by_operator"),
            postgresql_where=text("withdrawn_by_operator"),
        ),
        # By this a source that says only what changed finds the entries that it means. SQLite would
        # take it for other questions, too, and be slow, if it did not ask for its very condition.
        Index(
            "ix_entries_named",
            list_key,
            entry_id,
            sqlite_where=text("withdrawn_generation IS NULL AND entry_id != ''"),
            postgresql_where=text("withdrawn_generation IS NULL AND entry_id != ''"),
        ),
        # Empty for entries that are active, so that it costs an import nothing.
        Index(
            "ix_entries_withdrawn",
            list_key,
            withdrawn_generation,
            sqlite_where=text("withdrawn_generation IS NOT NULL"),
            postgresql_where=text("withdrawn_generation IS NOT NULL"),
        ),
        KEYS_ARE_NEVER_REUSED,
    )


class KeptHash(Base):
    """One hash of a list that no algorithm here can match, as its licensor wrote it.

    Nothing ever refers to it, so that it goes when the list no longer has it.
    """

    __tablename__ = "kept_hashes"
    __table_args__ = (UniqueConstraint("list_key", "algorithm", "value", "entry_id"),)

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    algorithm: Mapped[str] = mapped_column(String(32))
    value: Mapped[str] = mapped_column(Text)
    entry_id: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    tags: Mapped[str] = mapped_column(Text)
    added_at: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)


class ListSync(Base):
    """How far a list has followed its source, and who is at it: one process over all hosts.

    `checkpoint` is a JSON object that only the source understands.
    """

    __tablename__ = "list_syncs"

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    source: Mapped[str] = mapped_column(Text, default="")
    checkpoint: Mapped[str] = mapped_column(Text, default="{}")
    leased_by: Mapped[str] = mapped_column(String(64), default="")
    leased_until: Mapped[datetime | None]


class SyncRun(Base):
    """One attempt to bring a list up to date, and what came of it; `cause` is of a failure."""

    __tablename__ = "sync_runs"
    __table_args__ = (Index(None, "list_key", "started_at"), KEYS_ARE_NEVER_REUSED)

    key: Mapped[int] = mapped_column(primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime] = mapped_column(default=utc_now)
    outcome: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(Text, default="")
    generation: Mapped[int]
    added: Mapped[int] = mapped_column(default=0)
    withdrawn: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    set_aside: Mapped[int] = mapped_column(default=0)


class QuarantinedDelivery(Base):
    """What a source sent for a list and a guard held back, until a person decides.

    One for a list. The counts are those of what it would do; `checkpoint` is where it leads.
    """

    __tablename__ = "quarantined_deliveries"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)

    key: Mapped[int] = mapped_column(primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), unique=True)
    source: Mapped[str] = mapped_column(Text)
    checkpoint: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    is_whole: Mapped[bool]
    keep_all: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    rejected_at: Mapped[datetime | None]
    added: Mapped[int]
    withdrawn: Mapped[int]
    changed: Mapped[int]


class QuarantinedRow(Base):
    """One row of such a delivery, laid aside as it lay beside the store.

    `part` says of which of the tables for that; `value` is a hash that can be matched, `text` one
    that cannot.
    """

    __tablename__ = "quarantined_rows"

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    delivery_key: Mapped[int] = mapped_column(ForeignKey("quarantined_deliveries.key"), index=True)
    part: Mapped[str] = mapped_column(String(16))
    line: Mapped[int | None]
    algorithm: Mapped[str | None] = mapped_column(String(32))
    value: Mapped[bytes | None]
    text: Mapped[str | None] = mapped_column(Text)
    entry_id: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[str | None] = mapped_column(Text)
    added_at: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
