"""Serve a console: sessions, saved queues, looks, scheduled reports, and cases that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables and the index."""
    op.create_table(
        "console_sessions",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_id", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_console_sessions"),
        sa.UniqueConstraint("secret_hash", name="uq_console_sessions_secret_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_console_sessions_name_key", "console_sessions", ["name", "key"])
    op.create_index("ix_console_sessions_ends_at", "console_sessions", ["ends_at"])
    op.create_index("ix_console_sessions_token_id", "console_sessions", ["token_id"])
    op.create_table(
        "saved_queues",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_saved_queues"),
        sa.UniqueConstraint("owner", "name", name="uq_saved_queues_owner_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "content_looks",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("case_key", _KEY, nullable=False),
        sa.Column("content_key", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_content_looks"),
        sa.ForeignKeyConstraint(
            ["case_key"], ["cases.key"], name="fk_content_looks_case_key_cases"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_content_looks_name_looked_at", "content_looks", ["name", "looked_at"])
    op.create_index("ix_content_looks_case_key_key", "content_looks", ["case_key", "key"])
    op.create_table(
        "report_schedules",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("every", sa.String(8), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("next_day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_report_schedules"),
        sa.UniqueConstraint("name", name="uq_report_schedules_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "made_reports",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("schedule_key", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_made_reports"),
        sa.UniqueConstraint("schedule_key", "since", name="uq_made_reports_schedule_key_since"),
        sa.ForeignKeyConstraint(
            ["schedule_key"],
            ["report_schedules.key"],
            name="fk_made_reports_schedule_key_report_schedules",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_cases_proposed",
        "cases",
        ["priority", "due_at", "key"],
        sqlite_where=sa.text("proposal != ''"),
        postgresql_where=sa.text("proposal != ''"),
    )


def downgrade() -> None:
    """Drop them: everybody signs in again, and saved queues are lost."""
    op.drop_index("ix_cases_proposed", "cases")
    op.drop_table("made_reports")
    op.drop_table("report_schedules")
    op.drop_table("content_looks")
    op.drop_table("saved_queues")
    op.drop_table("console_sessions")
