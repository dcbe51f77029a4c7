"""Limit look-ups by near-equal hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "lookup_anchors",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("algorithm", sa.String(32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_key", _LONG, nullable=False),
        sa.Column("lookups", sa.Integer(), nullable=False),
        sa.Column("limited_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("key", name="pk_lookup_anchors"),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_lookup_anchors_list_key_lists"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lookup_anchors_day_key", "lookup_anchors", ["day", "key"])
    op.create_index("ix_lookup_anchors_limited_at", "lookup_anchors", ["limited_at"])
    op.create_table(
        "near_lookups",
        sa.Column("anchor_key", _LONG, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("anchor_key", "value", name="pk_near_lookups"),
        sa.ForeignKeyConstraint(
            ["anchor_key"],
            ["lookup_anchors.key"],
            name="fk_near_lookups_anchor_key_lookup_anchors",
        ),
    )


def downgrade() -> None:
    """Drop the tables, with the counts of the day."""
    op.drop_table("near_lookups")
    op.drop_table("lookup_anchors")
