"""Let an index follow the store: name the store, and find what was withdrawn since."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    identity = op.create_table(
        "store_identity",
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_store_identity"),
    )
    op.bulk_insert(identity, [{"identity": uuid4().hex}])
    op.create_index(
        "ix_entries_withdrawn",
        "entries",
        ["list_key", "withdrawn_generation"],
        sqlite_where=sa.text("withdrawn_generation IS NOT NULL"),
        postgresql_where=sa.text("withdrawn_generation IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_entries_withdrawn", "entries")
    op.drop_table("store_identity")
