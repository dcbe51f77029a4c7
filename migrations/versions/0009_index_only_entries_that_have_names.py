"""Index the names of those entries that have one, so that nobody takes that index by mistake."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_entries_named", "entries")
    _create("withdrawn_generation IS NULL AND entry_id != ''")


def downgrade() -> None:
    op.drop_index("ix_entries_named", "entries")
    _create("withdrawn_generation IS NULL")


def _create(condition: str) -> None:
    where = sa.text(condition)
    columns = ["list_key", "entry_id"]
    op.create_index(
        "ix_entries_named", "entries", columns, sqlite_where=where, postgresql_where=where
    )
