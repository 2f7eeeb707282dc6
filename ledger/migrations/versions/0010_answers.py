"""Answers that were asked for many renewals at once, and the day of a look to find these by."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "answers",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "question", name=op.f("pk_answers")),
    )
    op.create_index("ix_answers_asked_at", "answers", ["connection", "asked_at"])
    op.create_index("ix_renewals_next_look", "renewals", ["next_look"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_renewals_next_look", "renewals")
    op.drop_table("answers")
