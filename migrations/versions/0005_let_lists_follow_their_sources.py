"""Let lists follow their sources: how far they are, who is at it, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_entries_named",
        "entries",
        ["list_key", "entry_id"],
        sqlite_where=sa.text("withdrawn_generation IS NULL"),
        postgresql_where=sa.text("withdrawn_generation IS NULL"),
    )
    op.create_table(
        "list_syncs",
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("leased_by", sa.String(length=64), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_list_syncs_list_key_lists"),
        sa.PrimaryKeyConstraint("list_key", name="pk_list_syncs"),
    )
    op.create_table(
        "sync_runs",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("set_aside", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_sync_runs_list_key_lists"),
        sa.PrimaryKeyConstraint("key", name="pk_sync_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sync_runs_list_key_started_at", "sync_runs", ["list_key", "started_at"])


def downgrade() -> None:
    op.drop_index("ix_sync_runs_list_key_started_at", "sync_runs")
    op.drop_table("sync_runs")
    op.drop_table("list_syncs")
    op.drop_index("ix_entries_named", "entries")
