"""Disable entries until a time, after which they match again."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no entry is disabled in this way yet."""
    op.add_column("entries", sa.Column("disabled_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop the column: what was disabled until a time matches again."""
    op.drop_column("entries", "disabled_until")
