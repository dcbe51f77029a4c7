"""Find other reports of an account by a keyed digest, and say when an attempt to report began."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; details that are stored already get their digest when they are encrypted."""
    digest = sa.Column("account_digest", sa.String(64), nullable=False, server_default="")
    op.add_column("uploader_details", digest)
    op.create_index("ix_uploader_details_account_digest", "uploader_details", ["account_digest"])
    op.add_column("ncmec_reports", sa.Column("began_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("ncmec_reports", "began_at")
    op.drop_index("ix_uploader_details_account_digest", "uploader_details")
    op.drop_column("uploader_details", "account_digest")
