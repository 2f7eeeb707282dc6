"""Which feeds are heard rather than polled, and since when."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; so far only topics of Salesforce's bus were heard, and no polled feed is named so."""
    with op.batch_alter_table("cursors") as cursors:
        cursors.add_column(sa.Column("heard_since", sa.DateTime(timezone=True), nullable=True))
    # Since when is not known any more; by then at the latest.
    op.execute("UPDATE cursors SET heard_since = polled_at WHERE stream LIKE '/%'")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("cursors") as cursors:
        cursors.drop_column("heard_since")
