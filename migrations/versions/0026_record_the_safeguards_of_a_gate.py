"""Record the safeguards of a gate, and count its decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "gate_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("adapter", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("count", _LONG, nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "adapter", "role", "verdict", "shown", name="pk_gate_counts"
        ),
    )
    op.create_table(
        "safeguards",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gate", sa.String(64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("audit_id", _LONG),
        sa.PrimaryKeyConstraint("key", name="pk_safeguards"),
    )
    op.create_index("ix_safeguards_gate_key", "safeguards", ["gate", "key"])
    op.create_index("ix_safeguards_recorded_at", "safeguards", ["recorded_at"])


def downgrade() -> None:
    """Drop the tables; the audit log keeps what was recorded of safeguards."""
    op.drop_table("safeguards")
    op.drop_table("gate_counts")
