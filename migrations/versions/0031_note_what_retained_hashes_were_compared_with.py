"""Note up to which generation of each list retained hashes were compared with its entries."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "retro_matches",
        sa.Column("folder", sa.String(32), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("folder", "list_key", name="pk_retro_matches"),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_retro_matches_list_key_lists"
        ),
    )


def downgrade() -> None:
    """Drop the table: everything is compared again."""
    op.drop_table("retro_matches")
