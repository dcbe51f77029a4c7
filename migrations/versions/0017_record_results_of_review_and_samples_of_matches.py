"""Record what the review of a case resulted in, and samples of matches that are to be reviewed."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)

# A closed case does not say what it was before, but the audit log does. In its JSON no text of a
# person's holds a quote that is not escaped.
_RESULT = """
UPDATE cases SET result = CASE
    WHEN state IN ('confirmed', 'escalated', 'reported') THEN 'confirmed'
    WHEN state = 'false_positive' THEN 'false_positive'
    WHEN state = 'closed' THEN coalesce((
        SELECT CASE
            WHEN facts LIKE '%"from":"false_positive"%' THEN 'false_positive'
            WHEN facts LIKE '%"from":"escalated"%' THEN 'confirmed'
            WHEN facts LIKE '%"from":"reported"%' THEN 'confirmed' END
        FROM audit_records
        WHERE subject = 'cases' AND subject_key = cases.key AND action = 'case.close'
        ORDER BY number DESC LIMIT 1
    ), 'open')
    ELSE 'open' END
"""


def upgrade() -> None:
    """Add the column, filled from the states and the audit log, and the tables."""
    op.add_column(
        "cases", sa.Column("result", sa.String(16), server_default="open", nullable=False)
    )
    op.execute(sa.text(_RESULT))
    op.create_table(
        "review_samples",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("drawn_at", _TIME, nullable=False),
        sa.Column("drawn_by", sa.Text(), nullable=False),
        sa.Column("seed", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("since", _TIME),
        sa.Column("until", _TIME),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("by_list", sa.Boolean(), nullable=False),
        sa.Column("nearness", sa.String(8), nullable=False),
        sa.Column("populations", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_review_samples"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sampled_matches",
        sa.Column("key", _LONG, nullable=False),
        sa.Column("sample_key", _LONG, nullable=False),
        sa.Column("match_key", _LONG, nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.String(32), nullable=False),
        sa.Column("distance_bits", sa.Integer(), nullable=False),
        sa.Column("threshold_bits", sa.Integer(), nullable=False),
        sa.Column("view", sa.String(32), nullable=False),
        sa.Column("removed_at", _TIME),
        sa.Column("result", sa.String(16), server_default="open", nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sampled_matches"),
        sa.ForeignKeyConstraint(
            ["sample_key"],
            ["review_samples.key"],
            name="fk_sampled_matches_sample_key_review_samples",
        ),
        sa.UniqueConstraint(
            "sample_key", "match_key", name="uq_sampled_matches_sample_key_match_key"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sampled_matches_match_key", "sampled_matches", ["match_key"])


def downgrade() -> None:
    """Drop the tables with all samples, and the column."""
    op.drop_table("sampled_matches")
    op.drop_table("review_samples")
    op.drop_column("cases", "result")
