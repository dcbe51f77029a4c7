"""Temporary tables that hold a delivery while it is read."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

# The columns that identify a hash of a list, and those that may change with a delivery.
IDENTITY = ("algorithm", "value", "entry_id")
CONTENT = ("category", "tags", "added_at", "note")

STAGING = MetaData()
# Entries that a full delivery must not withdraw, because a row of theirs was damaged.
RETAINED = Table("retained", STAGING, Column("entry_id", Text), prefixes=["TEMPORARY"])
# Entries that an incremental delivery describes in full; it says nothing of any other.
UPDATES = Table(
    "updates",
    STAGING,
    Column("line", Integer),
    Column("entry_id", Text),
    # Moments are ordered as text, character by character, whatever the database's language.
    Column("moment", Text().with_variant(Text(collation="C"), "postgresql")),
    prefixes=["TEMPORARY"],
)
STAGED_UNSUPPORTED = Table(
    "staged_unsupported",
    STAGING,
    Column("line", Integer),
    Column("algorithm", Text),
    Column("value", Text),
    Column("entry_id", Text),
    Column("category", Text),
    Column("tags", Text),
    Column("added_at", Text),
    Column("note", Text),
    prefixes=["TEMPORARY"],
)
STAGED = Table(
    "staged",
    STAGING,
    Column("line", Integer),
    Column("algorithm", Text),
    Column("value", LargeBinary),
    Column("entry_id", Text),
    Column("category", Text),
    Column("tags", Text),
    Column("added_at", Text),
    Column("note", Text),
    prefixes=["TEMPORARY"],
)
