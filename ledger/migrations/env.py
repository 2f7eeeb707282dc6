"""Runs migrations on the connection that `ledger.migrate` opened."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from ledger.models import metadata
from ledger.models.base import Identity, UtcDateTime


def plain_type(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types into migrations as SQLAlchemy's own, which never change."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Identity):
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=plain_type,
)
with context.begin_transaction():
    context.run_migrations()
