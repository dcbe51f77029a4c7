"""Send entries to exchanges: what each of them has, and how far a list was taken up for it."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "exchanges",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("leased_by", sa.String(length=64), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("is_blocked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_exchanges"),
    )
    op.create_table(
        "exchange_cursors",
        sa.Column("exchange", sa.String(length=64), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("position", _KEY, nullable=False),
        sa.Column("conditions", sa.String(length=64), nullable=False),
        *_foreign_keys("exchange_cursors"),
        sa.PrimaryKeyConstraint("exchange", "list_key", name="pk_exchange_cursors"),
    )
    op.create_table(
        "exchange_entries",
        sa.Column("exchange", sa.String(length=64), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("position", _KEY, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        *_foreign_keys("exchange_entries"),
        sa.PrimaryKeyConstraint("exchange", "list_key", "entry_id", name="pk_exchange_entries"),
    )
    op.create_index(
        "ix_exchange_entries_exchange_list_key_state_next_attempt_at",
        "exchange_entries",
        ["exchange", "list_key", "state", "next_attempt_at"],
        unique=False,
    )
    op.create_table(
        "exchange_items",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("exchange", sa.String(length=64), nullable=False),
        sa.Column("list_key", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("sent_digest", sa.String(length=64), nullable=False),
        *_foreign_keys("exchange_items"),
        sa.PrimaryKeyConstraint("key", name="pk_exchange_items"),
        sa.UniqueConstraint(
            "exchange",
            "list_key",
            "entry_id",
            "algorithm",
            "value",
            name="uq_exchange_items_exchange_list_key_entry_id_algorithm_value",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_exchange_items_exchange_algorithm_value",
        "exchange_items",
        ["exchange", "algorithm", "value"],
        unique=False,
    )


def _foreign_keys(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["exchange"], ["exchanges.name"], name=f"fk_{table}_exchange_exchanges"
        ),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name=f"fk_{table}_list_key_lists"),
    )


def downgrade() -> None:
    """Remove the tables; what exchanges have stays there, and nobody knows of it any more."""
    for table in ("exchange_items", "exchange_entries", "exchange_cursors", "exchanges"):
        op.drop_table(table)
