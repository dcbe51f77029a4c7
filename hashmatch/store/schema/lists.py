"""Tables of lists: generations, entries, unsupported hashes, syncs and quarantined deliveries.

The hash of an entry never changes, an entry is only withdrawn: what a list matched at any
generation can be worked out again.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, Base, LongInteger, utc_now


class StoreIdentity(Base):
    """One row with a random name, given when the store is created: an index names it."""

    __tablename__ = "store_identity"

    identity: Mapped[str] = mapped_column(String(32), primary_key=True)


class HashList(Audited):
    """A licensed list. `generation` counts its changes, from 0 when empty.

    `preparing` is the generation that a delivery is being applied as: nobody sees its entries, or
    misses those that it withdraws, until it is published. Entries added up to the generation
    `emptied` went with the list when it was removed. What a crash or a removal left is to be
    cleared where `clear_from` is not None: a preparation's entries have keys above it.

    A list of the kind `own` holds hashes of the operator's own. One of the kind `allow` holds known
    false positives, and is not matched against.
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
    preparing: Mapped[int | None]
    emptied: Mapped[int] = mapped_column(default=0, server_default="0")
    clear_from: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    removed_at: Mapped[datetime | None]


class Generation(Base):
    """One change of a list, with its source and the number of entries that it touched.

    The keys of those that it added lie from `first_key` to `last_key`, among those of other lists.
    Its entries have the number `prepared_as` where others changed the list while it was prepared.
    """

    __tablename__ = "generations"

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    source: Mapped[str] = mapped_column(Text)
    added: Mapped[int]
    withdrawn: Mapped[int]
    changed: Mapped[int]
    prepared_as: Mapped[int | None]
    first_key: Mapped[int | None] = mapped_column(BigInteger)
    last_key: Mapped[int | None] = mapped_column(BigInteger)


class ListFigure(Base):
    """A number of a list that is kept up to date, since counting would read all of it.

    The subject is one of "hashes", "unsupported" and "degenerate", by algorithm; "entries", by the
    algorithms of their hashes with blanks between them; and "disabled", without a name.
    """

    __tablename__ = "list_figures"

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class Entry(Base):
    """One hash of a list, active from one generation until it is withdrawn in a later one.

    `entry_id` is the licensor's, empty where it gives none; `tags` are a JSON array. `allows` is of
    the entries of allow lists.
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
    # An entry that the operator disabled stays out when its licensor sends it again.
    disabled: Mapped[bool] = mapped_column(default=False)
    allows: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Until then an active entry does not match, and afterwards it does by itself.
    disabled_until: Mapped[datetime | None]

    __table_args__ = (
        # The id comes first, in which order deliveries are inserted: the index then only grows at
        # its end, and a short transaction writes few of its pages. One that began with the hash
        # made it ten times as long.
        Index(
            "uq_entries_active",
            list_key,
            entry_id,
            algorithm,
            value,
            unique=True,
            sqlite_where=text("withdrawn_generation IS NULL"),
            postgresql_where=text("withdrawn_generation IS NULL"),
        ),
        Index(
            "ix_entries_disabled",
            list_key,
            entry_id,
            algorithm,
            value,
            sqlite_where=text("disabled"),
            postgresql_where=text("disabled"),
        ),
        # Allow lists are asked by hash, and are the only ones.
        Index(
            "ix_entries_allows",
            algorithm,
            value,
            sqlite_where=text("allows"),
            postgresql_where=text("allows"),
        ),
        # Holds no active entries, so that it costs an import nothing.
        Index(
            "ix_entries_withdrawn",
            list_key,
            withdrawn_generation,
            sqlite_where=text("withdrawn_generation IS NOT NULL"),
            postgresql_where=text("withdrawn_generation IS NOT NULL"),
        ),
        KEYS_ARE_NEVER_REUSED,
    )


class EntryChange(Base):
    """New contents of an entry, until they are moved into it.

    They are in force once their generation is published, and all readers of an entry read them
    with it.
    """

    __tablename__ = "entry_changes"

    entry_key: Mapped[int] = mapped_column(LongInteger, primary_key=True, autoincrement=False)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), index=True)
    generation: Mapped[int]
    category: Mapped[str] = mapped_column(Text)
    tags: Mapped[str] = mapped_column(Text)
    added_at: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)


class UnsupportedHash(Base):
    """One hash of a list that no installed algorithm can match, as its licensor wrote it.

    It is deleted after the generation that withdraws it was published: nothing refers to it.
    """

    __tablename__ = "unsupported_hashes"
    __table_args__ = (
        Index(
            "uq_unsupported_hashes_active",
            "list_key",
            "algorithm",
            "entry_id",
            "value",
            unique=True,
            sqlite_where=text("withdrawn_generation IS NULL"),
            postgresql_where=text("withdrawn_generation IS NULL"),
        ),
        Index("ix_unsupported_hashes_added", "list_key", "added_generation"),
        Index(
            "ix_unsupported_hashes_withdrawn",
            "list_key",
            sqlite_where=text("withdrawn_generation IS NOT NULL"),
            postgresql_where=text("withdrawn_generation IS NOT NULL"),
        ),
    )

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"))
    algorithm: Mapped[str] = mapped_column(String(32))
    value: Mapped[str] = mapped_column(Text)
    entry_id: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    tags: Mapped[str] = mapped_column(Text)
    added_at: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    added_generation: Mapped[int] = mapped_column(server_default="0")
    withdrawn_generation: Mapped[int | None]


class ListSync(Base):
    """Progress of a list along its source, and the lease that one process holds over all hosts.

    `checkpoint` is a JSON object that only the source understands.
    """

    __tablename__ = "list_syncs"

    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), primary_key=True)
    source: Mapped[str] = mapped_column(Text, default="")
    checkpoint: Mapped[str] = mapped_column(Text, default="{}")
    leased_by: Mapped[str] = mapped_column(String(64), default="")
    leased_until: Mapped[datetime | None]


class SyncRun(Base):
    """One attempt to sync a list, with its outcome and, of a failure, its `cause`."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        Index(None, "list_key", "started_at"),
        Index(None, "list_key", "key"),
        Index(None, "list_key", "outcome", "key"),
        KEYS_ARE_NEVER_REUSED,
    )

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
    rejected_rows: Mapped[int] = mapped_column(default=0)


class QuarantinedDelivery(Base):
    """Delivery that a guard stopped, until it is accepted or rejected; one for a list at most.

    The counts are of the changes that it would make, `checkpoint` is the one that it leads to. It
    is there for others once it is `complete`, and its rows are deleted when it is no more.
    """

    __tablename__ = "quarantined_deliveries"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)

    key: Mapped[int] = mapped_column(primary_key=True)
    list_key: Mapped[int] = mapped_column(ForeignKey("lists.key"), unique=True)
    source: Mapped[str] = mapped_column(Text)
    checkpoint: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    is_full: Mapped[bool]
    retain_all: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    rejected_at: Mapped[datetime | None]
    added: Mapped[int]
    withdrawn: Mapped[int]
    changed: Mapped[int]
    complete: Mapped[bool] = mapped_column(default=True, server_default=true())


class QuarantinedRow(Base):
    """One row of a quarantined delivery, as it was staged.

    `part` names the staging table; `value` is a supported hash, `text` an unsupported one.
    """

    __tablename__ = "quarantined_rows"

    key: Mapped[int] = mapped_column(LongInteger, primary_key=True)
    delivery_key: Mapped[int] = mapped_column(ForeignKey("quarantined_deliveries.key"), index=True)
    part: Mapped[str] = mapped_column(String(32))
    line: Mapped[int | None]
    algorithm: Mapped[str | None] = mapped_column(String(32))
    value: Mapped[bytes | None]
    text: Mapped[str | None] = mapped_column(Text)
    entry_id: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[str | None] = mapped_column(Text)
    added_at: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
