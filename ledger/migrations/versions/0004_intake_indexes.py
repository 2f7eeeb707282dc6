"""Indexes for what intake asks of a large ledger."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SETTLED: dict[str, Any] = {
    "sqlite_where": sa.text("settled_at IS NOT NULL"),
    "postgresql_where": sa.text("settled_at IS NOT NULL"),
}
_DEAD: dict[str, Any] = {
    "sqlite_where": sa.text("state = 'dead'"),
    "postgresql_where": sa.text("state = 'dead'"),
}


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_inbox_state", table_name="inbox")
    op.create_index("ix_inbox_dead", "inbox", ["cause", "received_at"], **_DEAD)
    op.drop_index("ix_inbox_subject", table_name="inbox")
    op.create_index("ix_inbox_subject", "inbox", ["source", "subject", "version"])
    op.create_index("ix_inbox_settled", "inbox", ["settled_at", "state"], **_SETTLED)
    op.drop_index("ix_milestones_milestone", table_name="milestones")
    op.create_index("ix_milestones_milestone", "milestones", ["process", "milestone", "at"])
    op.create_index("ix_processes_business_id", "processes", ["business_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_processes_business_id", table_name="processes")
    op.drop_index("ix_milestones_milestone", table_name="milestones")
    op.create_index("ix_milestones_milestone", "milestones", ["process", "milestone"])
    op.drop_index("ix_inbox_settled", table_name="inbox", **_SETTLED)
    op.drop_index("ix_inbox_subject", table_name="inbox")
    op.create_index("ix_inbox_subject", "inbox", ["source", "kind", "subject"])
    op.drop_index("ix_inbox_dead", table_name="inbox", **_DEAD)
    op.create_index("ix_inbox_state", "inbox", ["state", "cause"])
