"""Temporary tables that hold a delivery while it is read and compared with its list.

Each has a primary key in the order in which it is walked through, a part in each transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

from ..schema import LongInteger

# The columns that identify a hash of a list, in the order in which deliveries are compared and
# inserted, and those that may change with a delivery.
IDENTITY = ("entry_id", "algorithm", "value")
CONTENT = ("category", "tags", "added_at", "note")
# Unsupported hashes are long, and found by their algorithm.
UNSUPPORTED_IDENTITY = ("algorithm", "entry_id", "value")

STAGING = MetaData()
_KINDS: dict[str, Any] = {"line": Integer, "entry_key": LongInteger}


def _table(name: str, *columns: str, key: tuple[str, ...] = (), value: Any = LargeBinary) -> Table:
    kinds = {**_KINDS, "value": value}
    own = [Column(one, kinds.get(one, Text), primary_key=one in key) for one in columns]
    if not key:
        own.insert(0, Column("place", Integer, primary_key=True))
    # In the order of its key, SQLite then has no other copy of it.
    return Table(name, STAGING, *own, prefixes=["TEMPORARY"], sqlite_with_rowid=not key)


_ROW = ("line", "algorithm", "value", "entry_id", *CONTENT)
# Rows in the order in which they come.
RECEIVED = Table(
    "received",
    STAGING,
    *(Column(one, {**_KINDS, "value": LargeBinary}.get(one, Text)) for one in _ROW),
    prefixes=["TEMPORARY"],
)
RECEIVED_UNSUPPORTED = _table("received_unsupported", *_ROW, value=Text)
# The same in order and without repetitions.
STAGED = _table("staged", *IDENTITY, "line", *CONTENT, key=IDENTITY)
STAGED_UNSUPPORTED = _table(
    "staged_unsupported",
    *UNSUPPORTED_IDENTITY,
    "line",
    *CONTENT,
    key=UNSUPPORTED_IDENTITY,
    value=Text,
)
# Entries that a full delivery must not withdraw, because a row of theirs was damaged.
RETAINED = _table("retained", "entry_id")
# Entries that an incremental delivery describes in full; it says nothing of any other.
UPDATES = Table(
    "updates",
    STAGING,
    Column("place", Integer, primary_key=True),
    Column("line", Integer),
    Column("entry_id", Text),
    # Moments are ordered as text, character by character, whatever the database's language.
    Column("moment", Text().with_variant(Text(collation="C"), "postgresql")),
    prefixes=["TEMPORARY"],
)

# Differences from the list: staged rows to add, and entries to withdraw or to change.
ADDITIONS = _table("additions", *IDENTITY, "line", *CONTENT, key=IDENTITY)
WITHDRAWALS = _table("withdrawals", "entry_key", "entry_id", "algorithm")
CHANGES = _table("changes", "entry_key", *CONTENT)
UNSUPPORTED_ADDITIONS = _table(
    "unsupported_additions",
    *UNSUPPORTED_IDENTITY,
    "line",
    *CONTENT,
    key=UNSUPPORTED_IDENTITY,
    value=Text,
)
UNSUPPORTED_WITHDRAWALS = _table("unsupported_withdrawals", "entry_key", "algorithm")
