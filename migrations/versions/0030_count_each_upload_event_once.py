"""Count each upload event once, however often a broker delivers it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "counted_events",
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("counted_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_counted_events"),
    )
    op.create_index("ix_counted_events_counted_on", "counted_events", ["counted_on"])


def downgrade() -> None:
    """Drop the table: events that come again are counted again."""
    op.drop_table("counted_events")
