"""The inbox as people see it: events by state, and what was refused."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from ledger.database import Database
from ledger.inbox import InboxState
from ledger.models.inbox import inbox, refusal_counts, refusals

ROWS_MAX = 1000


class InboxLine(BaseModel):
    """One inbound event, without its body."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: int
    source: str
    event_id: str
    type: str
    subject: str
    state: InboxState
    deliveries: int
    attempts: int
    received_at: datetime
    due_at: datetime
    workflow_id: str
    cause: str
    error: str


class RefusalLine(BaseModel):
    """One message that was not let in."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    source: str
    code: str
    reason: str
    remote: str
    event_id: str
    body_digest: str
    body_bytes: int
    at: datetime


class RefusalTotal(BaseModel):
    """How many messages of a source were refused for one reason."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    source: str
    code: str
    total: int
    last_at: datetime


async def list_events(
    db: Database, *, state: InboxState | None = None, limit: int = 100
) -> list[InboxLine]:
    """Inbound events, the newest first."""
    columns = [inbox.c[name] for name in InboxLine.model_fields]
    statement = select(*columns).order_by(inbox.c.id.desc()).limit(min(limit, ROWS_MAX))
    if state is not None:
        statement = statement.where(inbox.c.state == state.value)
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [InboxLine.model_validate(row) for row in rows]


async def list_refusals(db: Database, limit: int = 100) -> list[RefusalLine]:
    """Refusals that were kept, the newest first."""
    statement = select(refusals).order_by(refusals.c.id.desc()).limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [RefusalLine.model_validate(row) for row in rows]


async def count_refusals(db: Database) -> list[RefusalTotal]:
    """How many were refused by source and code, also those no longer kept."""
    statement = select(refusal_counts).order_by(refusal_counts.c.total.desc()).limit(ROWS_MAX)
    rows = await db.read(lambda s: s.connection().execute(statement).all())
    return [RefusalTotal.model_validate(row) for row in rows]
