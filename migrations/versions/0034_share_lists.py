"""Share lists: consumers, what was published of lists, contributions, and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "consumers",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("lists", sa.Text(), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("private", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_consumers"),
        sa.UniqueConstraint("name", name="uq_consumers_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "consumer_tokens",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.String(length=16), nullable=False),
        sa.Column("consumer_key", sa.Integer(), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["consumer_key"], ["consumers.key"], name="fk_consumer_tokens_consumer_key_consumers"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_consumer_tokens"),
        sa.UniqueConstraint("token_id", name="uq_consumer_tokens_token_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_consumer_tokens_consumer_key", "consumer_tokens", ["consumer_key"], unique=False
    )
    op.create_table(
        "contributions",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("case_key", _KEY, nullable=False),
        sa.Column("content_key", _KEY, nullable=False),
        sa.Column("entry", _KEY, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("generated", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_contributions_list_key_lists"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_contributions"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_contributions_case_key_key", "contributions", ["case_key", "key"], unique=False
    )
    op.create_index(
        "ix_contributions_list_key_entry", "contributions", ["list_key", "entry"], unique=False
    )
    op.create_index("ix_contributions_state_key", "contributions", ["state", "key"], unique=False)
    op.create_table(
        "publications",
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("position", _KEY, autoincrement=False, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_publications_list_key_lists"),
        sa.PrimaryKeyConstraint("list_key", "position", name="pk_publications"),
    )
    op.create_index(
        "ix_publications_list_key_published_at",
        "publications",
        ["list_key", "published_at"],
        unique=False,
    )
    op.create_table(
        "received_feedback",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("consumer_key", sa.Integer(), nullable=False),
        sa.Column("is_affirmative", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["consumer_key"], ["consumers.key"], name="fk_received_feedback_consumer_key_consumers"
        ),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_received_feedback_list_key_lists"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_received_feedback"),
        sa.UniqueConstraint(
            "list_key",
            "entry_id",
            "algorithm",
            "consumer_key",
            name="uq_received_feedback_list_key_entry_id_algorithm_consumer_key",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_received_feedback_state_key", "received_feedback", ["state", "key"], unique=False
    )
    op.create_table(
        "shared_entries",
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("entry_key", _KEY, nullable=True),
        sa.Column("position", _KEY, nullable=False),
        sa.Column("first_position", _KEY, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("earlier", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_key"], ["lists.key"], name="fk_shared_entries_list_key_lists"
        ),
        sa.PrimaryKeyConstraint("list_key", "entry_id", name="pk_shared_entries"),
    )
    op.create_index(
        "ix_shared_entries_list_key_first_position",
        "shared_entries",
        ["list_key", "first_position"],
        unique=False,
    )
    op.create_index(
        "ix_shared_entries_list_key_position",
        "shared_entries",
        ["list_key", "position"],
        unique=False,
    )
    op.create_table(
        "shared_lists",
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=True),
        sa.Column("target", sa.Integer(), nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("next_key", _KEY, nullable=False),
        sa.Column("next_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("position", _KEY, nullable=False),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_shared_lists_list_key_lists"),
        sa.PrimaryKeyConstraint("list_key", name="pk_shared_lists"),
    )


def downgrade() -> None:
    """Drop them: consumers have to be registered again, and pull from the beginning."""
    op.drop_table("shared_lists")
    op.drop_index("ix_shared_entries_list_key_position", table_name="shared_entries")
    op.drop_index("ix_shared_entries_list_key_first_position", table_name="shared_entries")
    op.drop_table("shared_entries")
    op.drop_index("ix_received_feedback_state_key", table_name="received_feedback")
    op.drop_table("received_feedback")
    op.drop_index("ix_publications_list_key_published_at", table_name="publications")
    op.drop_table("publications")
    op.drop_index("ix_contributions_state_key", table_name="contributions")
    op.drop_index("ix_contributions_list_key_entry", table_name="contributions")
    op.drop_index("ix_contributions_case_key_key", table_name="contributions")
    op.drop_table("contributions")
    op.drop_index("ix_consumer_tokens_consumer_key", table_name="consumer_tokens")
    op.drop_table("consumer_tokens")
    op.drop_table("consumers")
