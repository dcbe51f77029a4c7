"""Create lists, entries, matches and daily counts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LONG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("frames", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_contents"),
        sa.UniqueConstraint("content_id", "fingerprint", name="uq_contents_content_id_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "daily_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "outcome", "reason", name="pk_daily_counts"),
    )
    op.create_table(
        "lists",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("licensor", sa.Text(), nullable=False),
        sa.Column("licence_end", sa.Date(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("active_entries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_lists"),
        sa.UniqueConstraint("name", name="uq_lists_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "content_hashes",
        sa.Column("content_key", sa.Integer(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("orientation", sa.String(length=16), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("quality", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["content_key"], ["contents.key"], name="fk_content_hashes_content_key_contents"
        ),
        sa.PrimaryKeyConstraint(
            "content_key", "algorithm", "version", "frame", "orientation", name="pk_content_hashes"
        ),
    )
    op.create_table(
        "entries",
        sa.Column("key", LONG_INTEGER, nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("added_generation", sa.Integer(), nullable=False),
        sa.Column("withdrawn_generation", sa.Integer(), nullable=True),
        sa.Column("withdrawn_by_operator", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_entries_list_key_lists"),
        sa.PrimaryKeyConstraint("key", name="pk_entries"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_entries_held",
        "entries",
        ["list_key", "algorithm", "value", "entry_id"],
        sqlite_where=sa.text("withdrawn_by_operator"),
        postgresql_where=sa.text("withdrawn_by_operator"),
    )
    op.create_index(
        "uq_entries_active",
        "entries",
        ["list_key", "algorithm", "value", "entry_id"],
        unique=True,
        sqlite_where=sa.text("withdrawn_generation IS NULL"),
        postgresql_where=sa.text("withdrawn_generation IS NULL"),
    )

    op.create_table(
        "generations",
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_generations_list_key_lists"),
        sa.PrimaryKeyConstraint("list_key", "number", name="pk_generations"),
    )
    op.create_table(
        "matches",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_key", sa.Integer(), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_key", LONG_INTEGER, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("licensor", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("hasher_version", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("distance_bits", sa.Integer(), nullable=False),
        sa.Column("threshold_bits", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Integer(), nullable=True),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("orientation", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_key"], ["contents.key"], name="fk_matches_content_key_contents"
        ),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_matches_list_key_lists"),
        sa.PrimaryKeyConstraint("key", name="pk_matches"),
        sa.UniqueConstraint("content_key", "entry_key", name="uq_matches_content_key_entry_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_matches_matched_at", "matches", ["matched_at"])


def downgrade() -> None:
    op.drop_index("ix_matches_matched_at", "matches")

    op.drop_table("matches")
    op.drop_table("generations")
    op.drop_index("uq_entries_active", "entries")
    op.drop_index("ix_entries_held", "entries")

    op.drop_table("entries")
    op.drop_table("content_hashes")
    op.drop_table("lists")
    op.drop_table("daily_counts")
    op.drop_table("contents")
