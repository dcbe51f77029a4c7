"""Record what files that matched declare of their origin."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_COLUMNS = ("declared", "evidence", "c2pa", "issuer")


def upgrade() -> None:
    """Add the columns; of what is on record already, nobody looked."""
    for column in (
        sa.Column("declared", sa.String(16), nullable=False, server_default=""),
        sa.Column("evidence", sa.Text(), nullable=False, server_default=""),
        sa.Column("c2pa", sa.String(16), nullable=False, server_default=""),
        sa.Column("issuer", sa.Text()),
    ):
        op.add_column("contents", column)


def downgrade() -> None:
    """Drop them; the audit log keeps what was recorded."""
    for name in _COLUMNS:
        op.drop_column("contents", name)
