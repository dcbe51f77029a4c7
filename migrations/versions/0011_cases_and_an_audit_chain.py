"""Cases, what belongs to them, and an audit chain; matches that are there open a case each."""

import hashlib
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
# Rows up to these keys are older than the chain, which can say nothing about them.
_AUDITED = ("lists", "contents", "matches", "suppressions", "tokens", "cases")


# Keys that some use up without giving them to a row; SQLite's are long by themselves.
_LENGTHENED = {
    "contents": ("key",),
    "content_hashes": ("content_key",),
    "matches": ("key", "content_key"),
    "suppressions": ("key", "content_key"),
    "outbox": ("key",),
}


def upgrade() -> None:
    _change_keys("BIGINT")
    op.add_column("outbox", sa.Column("case_key", _LONG, nullable=True))
    op.create_index("ix_outbox_case_key", "outbox", ["case_key"])
    op.create_table(
        "cases",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("content_key", _LONG, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.Column("told_at", _TIME, nullable=True),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("hold", sa.Text(), nullable=False),
        sa.Column("newest_match", _LONG, nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_key"], ["contents.key"], name="fk_cases_content_key_contents"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_cases"),
        sa.UniqueConstraint("content_key", name="uq_cases_content_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cases_priority_due_at_key", "cases", ["priority", "due_at", "key"])
    op.create_index("ix_cases_state_changed_at", "cases", ["state", "changed_at"])
    op.create_index("ix_cases_opened_at", "cases", ["opened_at"])
    op.create_table(
        "case_notes",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("case_key", _LONG, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["cases.key"], name="fk_case_notes_case_key_cases"),
        sa.PrimaryKeyConstraint("key", name="pk_case_notes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_notes_case_key", "case_notes", ["case_key"])
    op.create_table(
        "case_details",
        sa.Column("case_key", _LONG, autoincrement=False, nullable=False),
        sa.Column("given_at", _TIME, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["cases.key"], name="fk_case_details_case_key_cases"),
        sa.PrimaryKeyConstraint("case_key", name="pk_case_details"),
    )
    op.create_table(
        "ncmec_reports",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("case_key", _LONG, nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("report_id", sa.String(length=32), nullable=False),
        sa.Column("file_id", sa.String(length=64), nullable=False),
        sa.Column("without_file", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("touched_at", _TIME, nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["case_key"], ["cases.key"], name="fk_ncmec_reports_case_key_cases"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_ncmec_reports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ncmec_reports_case_key", "ncmec_reports", ["case_key"])
    _create_chain()
    op.execute(
        "INSERT INTO cases (content_key, state, priority, due_at, assignee, opened_at, changed_at,"
        " proposal, proposed_by, hold, newest_match, reopened, change)"
        " SELECT content_key, 'open', 5, MIN(matched_at), '', MIN(matched_at), MIN(matched_at),"
        " '', '', '', MAX(key), 0, 1 FROM matches GROUP BY content_key"
    )
    _begin_chain()


def _change_keys(to: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in _LENGTHENED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {to}")
        if "key" in columns:
            op.execute(f"ALTER SEQUENCE {table}_key_seq AS {to}")


def _create_chain() -> None:
    op.create_table(
        "audit_records",
        sa.Column("number", _LONG, autoincrement=False, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("subject_key", _LONG, nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=True),
        sa.Column("record_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_records"),
    )
    op.create_index(
        "ix_audit_records_subject_subject_key_number",
        "audit_records",
        ["subject", "subject_key", "number"],
    )
    op.create_table(
        "audit_head",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", _LONG, nullable=False),
        sa.Column("record_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", _TIME, nullable=True),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_audit_head"),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", _LONG, autoincrement=False, nullable=False),
        sa.Column("record_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", _TIME, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_checkpoints"),
    )


def _begin_chain() -> None:
    connection = op.get_bind()
    before = {
        table: connection.scalar(sa.text(f"SELECT COALESCE(MAX(key), 0) FROM {table}"))  # noqa: S608
        for table in _AUDITED
    }
    facts = json.dumps({"before": before}, sort_keys=True, separators=(",", ":"))
    at = datetime.now(UTC)
    values = [1, at.isoformat(timespec="microseconds"), "hashmatch", "chain.begun", "", None]
    text = json.dumps([*values, facts, None], separators=(",", ":")).encode()
    record_hash = hashlib.sha256(bytes(32) + text).digest()
    records = sa.table(
        "audit_records",
        sa.column("number", _LONG),
        sa.column("at", _TIME),
        *(sa.column(name, sa.Text()) for name in ("actor", "action", "subject", "facts")),
        sa.column("record_hash", sa.LargeBinary()),
    )
    record = {"number": 1, "at": at, "actor": "hashmatch", "action": "chain.begun", "subject": ""}
    op.bulk_insert(records, [{**record, "facts": facts, "record_hash": record_hash}])
    head = sa.table(
        "audit_head",
        *(sa.column(name, _LONG) for name in ("key", "number")),
        sa.column("record_hash", sa.LargeBinary()),
        sa.column("key_id", sa.Text()),
    )
    op.bulk_insert(head, [{"key": 1, "number": 1, "record_hash": record_hash, "key_id": ""}])


def downgrade() -> None:
    for table in (
        "audit_checkpoints",
        "audit_head",
        "audit_records",
        "ncmec_reports",
        "case_details",
        "case_notes",
        "cases",
    ):
        op.drop_table(table)
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_index("ix_outbox_case_key")
        outbox.drop_column("case_key")
    _change_keys("INTEGER")
