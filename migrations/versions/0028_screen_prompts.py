"""Record which prompts matched listed terms, and count all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "prompt_matches",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prompt_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_key", _LONG, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("licensor", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("audit_id", _LONG),
        sa.PrimaryKeyConstraint("key", name="pk_prompt_matches"),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_prompt_matches_list_key_lists"
        ),
        sa.UniqueConstraint(
            "digest", "prompt_id", "entry_key", name="uq_prompt_matches_digest_prompt_id_entry_key"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_prompt_matches_matched_at_key", "prompt_matches", ["matched_at", "key"])
    op.create_table(
        "prompt_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("count", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("day", "source", "outcome", "reason", name="pk_prompt_counts"),
    )


def downgrade() -> None:
    """Drop the tables; the audit log keeps what was recorded of prompts."""
    op.drop_table("prompt_counts")
    op.drop_table("prompt_matches")
