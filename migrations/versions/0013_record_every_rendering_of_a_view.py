"""Record every rendering of a view: a picture may be hashed over several greys."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEYS = ["content_key", "algorithm", "version", "frame", "orientation", "view"]


def upgrade() -> None:
    """Add the number of the rendering to the hashes of content and to their primary key."""
    rendering = sa.Column("rendering", sa.Integer(), nullable=False, server_default="0")
    op.add_column("content_hashes", rendering)
    with op.batch_alter_table("content_hashes") as table:
        table.drop_constraint("pk_content_hashes", type_="primary")
        table.create_primary_key("pk_content_hashes", [*_KEYS, "rendering"])


def downgrade() -> None:
    """Keep the first rendering of each view; matches that rest on others keep their value."""
    hashes = sa.table("content_hashes", *map(sa.column, [*_KEYS, "rendering"]))
    other = hashes.alias()
    same_view = sa.and_(*(other.c[key] == hashes.c[key] for key in _KEYS))
    first = sa.select(sa.func.min(other.c.rendering)).where(same_view).scalar_subquery()
    op.execute(hashes.delete().where(hashes.c.rendering > first))
    with op.batch_alter_table("content_hashes") as table:
        table.drop_constraint("pk_content_hashes", type_="primary")
        table.create_primary_key("pk_content_hashes", _KEYS)
        table.drop_column("rendering")
