"""What a contract is worth, by the read of its terms that its renewal clock goes by."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; a clock has no value until its contract is read again."""
    with op.batch_alter_table("renewals") as renewals:
        renewals.add_column(sa.Column("value_minor", sa.BigInteger(), nullable=True))
        renewals.add_column(sa.Column("value_currency", sa.String(), nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("renewals") as renewals:
        renewals.drop_column("value_currency")
        renewals.drop_column("value_minor")
