"""Temporary tables that hold a delivery while it is read."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

# Everything that lies beside the store while a file is read.
STAGING = MetaData()


SPARED = Table("spared", STAGING, Column("entry_id", Text), prefixes=["TEMPORARY"])


# The entries of which all is said that there is to say, by a file that says nothing of others.
TOLD = Table(
    "told",
    STAGING,
    Column("line", Integer),
    Column("entry_id", Text),
    # Moments are ordered as text, character by character, whatever the database's language.
    Column("moment", Text().with_variant(Text(collation="C"), "postgresql")),
    prefixes=["TEMPORARY"],
)


STAGED_KEPT = Table(
    "staged_kept",
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
