"""Follow what a case owes: references, deadlines, measures, appeals, retention, preservation."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "case_references",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("case_key", _KEY, nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_case_references"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_case_references_case_key_key", "case_references", ["case_key", "key"], unique=False
    )
    op.create_index(
        "ix_case_references_made_at_key", "case_references", ["made_at", "key"], unique=False
    )
    op.create_index(
        "ix_case_references_reference_authority",
        "case_references",
        ["reference", "authority"],
        unique=False,
    )
    op.create_table(
        "preservation_checks",
        sa.Column("case_key", _KEY, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("case_key", name="pk_preservation_checks"),
    )
    op.create_table(
        "case_appeals",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("case_key", _KEY, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("appellant", sa.String(length=16), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(["case_key"], ["cases.key"], name="fk_case_appeals_case_key_cases"),
        sa.PrimaryKeyConstraint("key", name="pk_case_appeals"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_case_appeals_case_key_key", "case_appeals", ["case_key", "key"], unique=False
    )
    op.create_index(
        "ix_case_appeals_received_at_key", "case_appeals", ["received_at", "key"], unique=False
    )
    op.create_index(
        "ix_case_appeals_state_due_at_key", "case_appeals", ["state", "due_at", "key"], unique=False
    )
    op.create_table(
        "case_deadlines",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("case_key", _KEY, nullable=False),
        sa.Column("duty", sa.String(length=64), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("set_at", _TIME, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["case_key"], ["cases.key"], name="fk_case_deadlines_case_key_cases"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_case_deadlines"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_case_deadlines_case_key_key", "case_deadlines", ["case_key", "key"], unique=False
    )
    op.create_index(
        "ix_case_deadlines_outcome_due_at_key",
        "case_deadlines",
        ["outcome", "due_at", "key"],
        unique=False,
    )
    op.create_table(
        "case_measures",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("case_key", _KEY, nullable=False),
        sa.Column("restriction", sa.String(length=32), nullable=False),
        sa.Column("ground", sa.String(length=16), nullable=False),
        sa.Column("automation", sa.String(length=16), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("imposed_at", _TIME, nullable=False),
        sa.Column("notified_at", _TIME, nullable=True),
        sa.Column("lifted_at", _TIME, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["case_key"], ["cases.key"], name="fk_case_measures_case_key_cases"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_case_measures"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_case_measures_case_key_key", "case_measures", ["case_key", "key"], unique=False
    )
    op.create_index(
        "ix_case_measures_imposed_at_key", "case_measures", ["imposed_at", "key"], unique=False
    )
    op.create_table(
        "case_preservations",
        sa.Column("case_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("until", _TIME, nullable=True),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["case_key"], ["cases.key"], name="fk_case_preservations_case_key_cases"
        ),
        sa.PrimaryKeyConstraint("case_key", name="pk_case_preservations"),
    )
    op.create_index(
        "ix_case_preservations_state_until_case_key",
        "case_preservations",
        ["state", "until", "case_key"],
        unique=False,
    )
    op.create_table(
        "case_retentions",
        sa.Column("case_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("retention_class", sa.String(length=16), nullable=False),
        sa.Column("keep_until", _TIME, nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["case_key"], ["cases.key"], name="fk_case_retentions_case_key_cases"
        ),
        sa.PrimaryKeyConstraint("case_key", name="pk_case_retentions"),
    )
    op.create_index(
        "ix_case_retentions_retention_class_case_key",
        "case_retentions",
        ["retention_class", "case_key"],
        unique=False,
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("case_retentions")
    op.drop_table("case_preservations")
    op.drop_table("case_measures")
    op.drop_table("case_deadlines")
    op.drop_table("case_appeals")
    op.drop_table("preservation_checks")
    op.drop_table("case_references")
