"""What a contract was worth when a view of its renewal was seen, by the read it was seen with."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; what contracts were worth at the views on record was kept nowhere, and stays unknown
    until a view is seen again."""
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.add_column(sa.Column("value_minor", sa.BigInteger(), nullable=True))
        snapshots.add_column(sa.Column("value_currency", sa.String(), nullable=True))
        snapshots.add_column(sa.Column("terms_read_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.drop_column("terms_read_at")
        snapshots.drop_column("value_currency")
        snapshots.drop_column("value_minor")
