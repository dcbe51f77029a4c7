"""Find content that declares how it was made, which is a part of all, without going along it."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_contents_declared",
        "contents",
        ["declared"],
        sqlite_where=sa.text("declared != ''"),
        postgresql_where=sa.text("declared != ''"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_contents_declared", "contents")
