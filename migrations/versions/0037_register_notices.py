"""Register notices: requests to remove intimate images, with their clock and what was done."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "notices",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("request_id", sa.String(length=20), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("completed_at", _MOMENT, nullable=True),
        sa.Column("due_at", _MOMENT, nullable=True),
        sa.Column("placed_at", _MOMENT, nullable=False),
        sa.Column("has_signature", sa.Boolean(), nullable=False),
        sa.Column("has_identification", sa.Boolean(), nullable=False),
        sa.Column("has_good_faith", sa.Boolean(), nullable=False),
        sa.Column("has_contact", sa.Boolean(), nullable=False),
        sa.Column("has_standing", sa.Boolean(), nullable=False),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("duplicate_of", _KEY, nullable=True),
        sa.Column("copies_found", sa.Integer(), nullable=True),
        sa.Column("copies_removed", sa.Integer(), nullable=True),
        sa.Column("requester_notified_at", _MOMENT, nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_notices"),
        sa.UniqueConstraint("request_id", name="uq_notices_request_id"),
        sa.UniqueConstraint("reference", name="uq_notices_reference"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_closed_at_key", "notices", ["closed_at", "key"], unique=False)
    op.create_index("ix_notices_received_at_key", "notices", ["received_at", "key"], unique=False)
    op.create_index(
        "ix_notices_state_placed_at_key", "notices", ["state", "placed_at", "key"], unique=False
    )
    op.create_table(
        "notice_contacts",
        sa.Column("notice_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_key"], ["notices.key"], name="fk_notice_contacts_notice_key_notices"
        ),
        sa.PrimaryKeyConstraint("notice_key", name="pk_notice_contacts"),
    )
    op.create_index(
        "ix_notice_contacts_key_id_notice_key",
        "notice_contacts",
        ["key_id", "notice_key"],
        unique=False,
    )
    op.create_table(
        "notice_items",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("notice_key", _KEY, nullable=False),
        sa.Column("content_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("removed_at", _MOMENT, nullable=True),
        sa.Column("list_key", sa.Integer(), nullable=True),
        sa.Column("entry", _KEY, nullable=True),
        sa.Column("audit_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_key"], ["notices.key"], name="fk_notice_items_notice_key_notices"
        ),
        sa.ForeignKeyConstraint(["list_key"], ["lists.key"], name="fk_notice_items_list_key_lists"),
        sa.PrimaryKeyConstraint("key", name="pk_notice_items"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_notice_items_content_id_notice_key",
        "notice_items",
        ["content_id", "notice_key"],
        unique=False,
    )
    op.create_index(
        "ix_notice_items_notice_key_key", "notice_items", ["notice_key", "key"], unique=False
    )


def downgrade() -> None:
    """Drop them: the register of notices is lost, but for what the audit log says of it."""
    op.drop_index("ix_notice_items_notice_key_key", table_name="notice_items")
    op.drop_index("ix_notice_items_content_id_notice_key", table_name="notice_items")
    op.drop_table("notice_items")
    op.drop_index("ix_notice_contacts_key_id_notice_key", table_name="notice_contacts")
    op.drop_table("notice_contacts")
    op.drop_index("ix_notices_state_placed_at_key", table_name="notices")
    op.drop_index("ix_notices_received_at_key", table_name="notices")
    op.drop_index("ix_notices_closed_at_key", table_name="notices")
    op.drop_table("notices")
