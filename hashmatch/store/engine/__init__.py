"""Database connections, transactions, dialects and the audit log."""

from .audit_log import (
    FIRST_HASH,
    Seal,
    audit,
    chain,
    chained_text,
    moment_text,
    read_audit_checkpoints,
    read_audit_head,
    read_audit_records,
    read_history,
    signed_text,
    state_hash,
)
from .database import HEAD_REVISION, WRITES, Database, create_private_file
from .statements import affected_rows, is_sqlite, upsert

__all__ = [
    "FIRST_HASH",
    "HEAD_REVISION",
    "WRITES",
    "Database",
    "Seal",
    "affected_rows",
    "audit",
    "chain",
    "chained_text",
    "create_private_file",
    "is_sqlite",
    "moment_text",
    "read_audit_checkpoints",
    "read_audit_head",
    "read_audit_records",
    "read_history",
    "signed_text",
    "state_hash",
    "upsert",
]
