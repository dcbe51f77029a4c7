"""Hold back what a source sends where a guard objects, until a person decides."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quarantined_deliveries",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("keep_all", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_quarantined_deliveries_list_key_lists"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_quarantined_deliveries"),
        sa.UniqueConstraint("list_key", name="uq_quarantined_deliveries_list_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "quarantined_rows",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery_key", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("algorithm", sa.String(length=32), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("entry_id", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("added_at", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_key"],
            ["quarantined_deliveries.key"],
            name="fk_quarantined_rows_delivery_key_quarantined_deliveries",
        ),
        sa.PrimaryKeyConstraint("key", name="pk_quarantined_rows"),
    )
    op.create_index("ix_quarantined_rows_delivery_key", "quarantined_rows", ["delivery_key"])


def downgrade() -> None:
    op.drop_index("ix_quarantined_rows_delivery_key", "quarantined_rows")
    op.drop_table("quarantined_rows")
    op.drop_table("quarantined_deliveries")
