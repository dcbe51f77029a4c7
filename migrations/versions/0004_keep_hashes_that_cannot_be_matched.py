"""Keep hashes that cannot be matched, as lists give them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_hashes",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_kept_hashes_list_key_lists"),
        sa.PrimaryKeyConstraint("key", name="pk_kept_hashes"),
        sa.UniqueConstraint(
            "list_key",
            "algorithm",
            "value",
            "entry_id",
            name="uq_kept_hashes_list_key_algorithm_value_entry_id",
        ),
    )


def downgrade() -> None:
    op.drop_table("kept_hashes")
