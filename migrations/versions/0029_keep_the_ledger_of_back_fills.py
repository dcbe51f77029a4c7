"""Keep the ledger of back-fills: their shards, and what of them is on record."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "backfills",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("planned_source", sa.Integer(), nullable=False),
        sa.Column("planned_position", sa.Text(), nullable=False),
        sa.Column("is_planned", sa.Boolean(), nullable=False),
        sa.Column("shards", _LONG, nullable=False),
        sa.Column("found", _LONG, nullable=False),
        sa.Column("screened", _LONG, nullable=False),
        sa.Column("is_abandoned", sa.Boolean(), nullable=False),
        sa.Column("audit_id", _LONG),
        sa.PrimaryKeyConstraint("key", name="pk_backfills"),
        sa.UniqueConstraint("fingerprint", name="uq_backfills_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_backfills_started_at", "backfills", ["started_at"])
    op.create_table(
        "backfill_shards",
        sa.Column("backfill_key", _LONG, nullable=False),
        sa.Column("number", _LONG, nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("until", sa.Text()),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("leased_by", sa.String(64), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("backfill_key", "number", name="pk_backfill_shards"),
        _of_backfill("backfill_shards"),
    )
    op.create_index(
        "ix_backfill_shards_backfill_key_is_done_leased_until_number",
        "backfill_shards",
        ["backfill_key", "is_done", "leased_until", "number"],
    )
    op.create_table(
        "backfill_results",
        sa.Column("backfill_key", _LONG, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("backfill_key", "digest", name="pk_backfill_results"),
        _of_backfill("backfill_results"),
    )
    op.create_table(
        "backfill_counts",
        sa.Column("backfill_key", _LONG, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("count", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("backfill_key", "outcome", "reason", name="pk_backfill_counts"),
        _of_backfill("backfill_counts"),
    )


def downgrade() -> None:
    """Drop the tables: what matched stays on record."""
    for table in ("backfill_counts", "backfill_results", "backfill_shards", "backfills"):
        op.drop_table(table)


def _of_backfill(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_backfill_key_backfills"
    return sa.ForeignKeyConstraint(["backfill_key"], ["backfills.key"], name=name)
