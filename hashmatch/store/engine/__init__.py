"""Database connections, transactions, dialects and the audit log."""

from .audit_log import Seal, audit, audit_id, audit_rows, row_key
from .audit_reading import (
    BoundRow,
    BrowsedRecord,
    HistoryRecord,
    Unsealed,
    audited_tables,
    browse_records,
    count_audit_heads,
    read_audit_checkpoints,
    read_audit_head,
    read_audit_records,
    read_bound_rows,
    read_history,
    read_lost_rows,
    read_records_of,
    read_sealed_records,
    read_unsealed,
)
from .batches import Batch, BatchRecord, StoredBatch
from .chaining import (
    FIRST_HASH,
    bound_values,
    chain,
    chained_text,
    moment_text,
    signed_text,
    state_hash,
)
from .counting import BufferedCounts
from .database import HEAD_REVISION, WRITES, Database, create_private_file
from .database_file import exchanged
from .durability import commit_durably, commit_soon, shorten_log
from .retrying import retried
from .sealing import CHECKPOINT_ACTION, read_batches
from .standing import Rows, StandingQuestion
from .statements import (
    affected_rows,
    among,
    as_table,
    ignoring,
    insert_rows,
    is_sqlite,
    overwrite_deleted,
    upsert,
    upsert_into,
)
from .turns import Turns

__all__ = [
    "CHECKPOINT_ACTION",
    "FIRST_HASH",
    "HEAD_REVISION",
    "WRITES",
    "Batch",
    "BatchRecord",
    "BoundRow",
    "BrowsedRecord",
    "BufferedCounts",
    "Database",
    "HistoryRecord",
    "Rows",
    "Seal",
    "StandingQuestion",
    "StoredBatch",
    "Turns",
    "Unsealed",
    "affected_rows",
    "among",
    "as_table",
    "audit",
    "audit_id",
    "audit_rows",
    "audited_tables",
    "bound_values",
    "browse_records",
    "chain",
    "chained_text",
    "commit_durably",
    "commit_soon",
    "count_audit_heads",
    "create_private_file",
    "exchanged",
    "ignoring",
    "insert_rows",
    "is_sqlite",
    "moment_text",
    "overwrite_deleted",
    "read_audit_checkpoints",
    "read_audit_head",
    "read_audit_records",
    "read_batches",
    "read_bound_rows",
    "read_history",
    "read_lost_rows",
    "read_records_of",
    "read_sealed_records",
    "read_unsealed",
    "retried",
    "row_key",
    "shorten_log",
    "signed_text",
    "state_hash",
    "upsert",
    "upsert_into",
]
