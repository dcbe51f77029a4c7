"""Notice entries that match more content items in a day than is usual, and find their matches."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table, which begins empty: earlier days are not counted afterwards."""
    op.create_table(
        "entry_activity",
        sa.Column("entry_key", _LONG, autoincrement=False, nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("contents", sa.Integer(), nullable=False),
        sa.Column("flooded_on", sa.Date()),
        sa.Column("flooding_since", _TIME),
        sa.Column("action", sa.String(16), server_default="", nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_at", _TIME),
        sa.PrimaryKeyConstraint("entry_key", name="pk_entry_activity"),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_entry_activity_list_key_lists"
        ),
    )
    op.create_index("ix_entry_activity_flooding_since", "entry_activity", ["flooding_since"])
    op.create_index("ix_matches_entry_key", "matches", ["entry_key"])
    op.create_index("ix_matches_list_key_entry_id", "matches", ["list_key", "entry_id"])


def downgrade() -> None:
    """Drop the table; what was set for entries that flood is forgotten."""
    op.drop_index("ix_matches_list_key_entry_id", "matches")
    op.drop_index("ix_matches_entry_key", "matches")
    op.drop_table("entry_activity")
