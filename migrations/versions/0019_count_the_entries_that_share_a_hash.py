"""Count the entries that share the hash of a match."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: each match on record is of one entry."""
    op.add_column("matches", sa.Column("entries", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("matches", "entries")
