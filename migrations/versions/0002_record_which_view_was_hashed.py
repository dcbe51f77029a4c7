"""Record which view of a picture was hashed, and from what."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEYS = ["content_key", "algorithm", "version", "frame", "orientation"]


def upgrade() -> None:
    # What was recorded before was hashed whole, from every pixel.
    for name in ("content_hashes", "matches"):
        view = sa.Column("view", sa.String(length=32), nullable=False, server_default="whole")
        op.add_column(name, view)
        decode = sa.Column("decode", sa.String(length=16), nullable=False, server_default="full")
        op.add_column(name, decode)
    with op.batch_alter_table("content_hashes") as table:
        table.drop_constraint("pk_content_hashes", type_="primary")
        table.create_primary_key("pk_content_hashes", [*KEYS, "view"])


def downgrade() -> None:
    # The older schema has no place for other views. The matches that rest on them keep the value.
    op.execute("DELETE FROM content_hashes WHERE view <> 'whole'")
    with op.batch_alter_table("content_hashes") as table:
        table.drop_constraint("pk_content_hashes", type_="primary")
        table.create_primary_key("pk_content_hashes", KEYS)
    for name in ("content_hashes", "matches"):
        with op.batch_alter_table(name, recreate="never") as table:
            table.drop_column("decode")
            table.drop_column("view")
