"""Record each change of the policy with its reason, and the reasons of decisions on feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; the next start records the policy in force as the first."""
    op.create_table(
        "policies",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evaluation", sa.Text(), nullable=False),
        sa.Column("explained_by", sa.Text(), nullable=False),
        sa.Column("explained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_policies"),
        sa.UniqueConstraint("digest", name="uq_policies_digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "policy_changes",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("policy_key", _KEY, nullable=False),
        sa.Column("before_key", _KEY, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["before_key"], ["policies.key"], name="fk_policy_changes_before_key_policies"
        ),
        sa.ForeignKeyConstraint(
            ["policy_key"], ["policies.key"], name="fk_policy_changes_policy_key_policies"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_policy_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_policy_changes_policy_key_changed_at",
        "policy_changes",
        ["policy_key", "changed_at"],
        unique=False,
    )
    op.add_column(
        "received_feedback",
        sa.Column("decision_reason", sa.Text(), server_default="", nullable=False),
    )


def downgrade() -> None:
    """Drop them: the audit log keeps the records of changes."""
    op.drop_column("received_feedback", "decision_reason")
    op.drop_index("ix_policy_changes_policy_key_changed_at", table_name="policy_changes")
    op.drop_table("policy_changes")
    op.drop_table("policies")
