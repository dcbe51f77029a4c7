"""Database connections, transactions, dialects and the audit log."""

from .audit_log import (
    FIRST_HASH,
    Seal,
    audit,
    chain,
    chained_text,
    moment_text,
    row_key,
    signed_text,
    state_hash,
)
from .audit_reading import (
    audited_tables,
    count_audit_heads,
    read_audit_checkpoints,
    read_audit_head,
    read_audit_records,
    read_bound_rows,
    read_history,
    read_lost_rows,
)
from .database import HEAD_REVISION, WRITES, Database, create_private_file
from .statements import affected_rows, ignoring, is_sqlite, overwrite_deleted, upsert
from .turns import Turns

__all__ = [
    "FIRST_HASH",
    "HEAD_REVISION",
    "WRITES",
    "Database",
    "Seal",
    "Turns",
    "affected_rows",
    "audit",
    "audited_tables",
    "chain",
    "chained_text",
    "count_audit_heads",
    "create_private_file",
    "ignoring",
    "is_sqlite",
    "moment_text",
    "overwrite_deleted",
    "read_audit_checkpoints",
    "read_audit_head",
    "read_audit_records",
    "read_bound_rows",
    "read_history",
    "read_lost_rows",
    "row_key",
    "signed_text",
    "state_hash",
    "upsert",
]
