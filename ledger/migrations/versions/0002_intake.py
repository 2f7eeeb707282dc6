"""Intake: hints, the records they are about, and the feeds they come from."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = ("kind", "version", "account_id", "cause")
_PENDING: dict[str, Any] = {
    "sqlite_where": sa.text("state = 'pending'"),
    "postgresql_where": sa.text("state = 'pending'"),
}


def upgrade() -> None:
    """Apply; what was received so far came by webhook and is about deals."""
    with op.batch_alter_table("inbox") as inbox:
        for name in _TEXT:
            inbox.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
        inbox.add_column(
            sa.Column("channel", sa.String(), nullable=False, server_default="webhook")
        )
        inbox.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="3"))
    op.execute("UPDATE inbox SET kind = 'opportunity' WHERE type = 'opportunity.closed_won'")
    op.drop_index("ix_inbox_pending", table_name="inbox", **_PENDING)
    op.create_index("ix_inbox_pending", "inbox", ["source", "priority", "id"], **_PENDING)
    op.drop_index("ix_inbox_state", table_name="inbox")
    op.create_index("ix_inbox_state", "inbox", ["state", "cause"])
    op.create_index("ix_inbox_subject", "inbox", ["source", "kind", "subject"])
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_events_type", "events", ["type", "position"])
    op.create_table(
        "subjects",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection", "kind", "subject_id", name=op.f("pk_subjects")),
    )
    op.create_index("ix_subjects_account_id", "subjects", ["account_id"])
    op.create_table(
        "cursors",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("read_up_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("expired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gap_from", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_cursors")),
    )
    op.create_table(
        "counts",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "since", name=op.f("pk_counts")),
    )
    op.create_index("ix_counts_missing", "counts", ["missing"])


def downgrade() -> None:
    """Take back."""
    for table in ("counts", "cursors", "subjects"):
        op.drop_table(table)
    op.drop_index("ix_events_type", table_name="events")
    with op.batch_alter_table("events") as events:
        events.drop_column("source")
    op.drop_index("ix_inbox_subject", table_name="inbox")
    op.drop_index("ix_inbox_state", table_name="inbox")
    op.create_index("ix_inbox_state", "inbox", ["state"])
    op.drop_index("ix_inbox_pending", table_name="inbox", **_PENDING)
    op.create_index("ix_inbox_pending", "inbox", ["id"], **_PENDING)
    with op.batch_alter_table("inbox") as inbox:
        for name in (*_TEXT, "channel", "priority"):
            inbox.drop_column(name)
