"""Lists of known false positives, and a record of every match that they suppress."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lists", sa.Column("kind", sa.String(length=16), server_default="match", nullable=False)
    )
    long_integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "suppressions",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_key", sa.Integer(), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("entry_key", long_integer, nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("distance_bits", sa.Integer(), nullable=False),
        sa.Column("allow_list_key", sa.Integer(), nullable=False),
        sa.Column("allow_entry_key", long_integer, nullable=False),
        sa.Column("allow_entry_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_key"], ["contents.key"], name="fk_suppressions_content_key_contents"
        ),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_suppressions_list_key_lists"),
        sa.ForeignKeyConstraint(
            ["allow_list_key"], ["lists.key"], name="fk_suppressions_allow_list_key_lists"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_suppressions"),
        sa.UniqueConstraint(
            "content_key",
            "entry_key",
            "allow_entry_key",
            name="uq_suppressions_content_key_entry_key_allow_entry_key",
        ),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("suppressions")
    op.drop_column("lists", "kind")
