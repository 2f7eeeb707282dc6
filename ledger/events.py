"""The outbox: canonical events, written in the transaction that makes them true."""

import hashlib
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import insert, select
from sqlmodel import Session

from canonical.connections import Environment
from ledger.database import Database
from ledger.models.evidence import events

_INSERT = insert(events)
EVENTS_PER_PAGE_MAX = 1000


class CanonicalEvent(BaseModel):
    """Something that happened, in our own words (`noun.past_verb` and a version)."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    type: str
    version: int = 1
    subject: str
    occurred_at: datetime
    correlation_id: str = ""
    causation_id: str = ""
    legal_entity: str = ""
    environment: Environment
    body: dict[str, Any] = {}


class OutboxEvent(CanonicalEvent):
    """An event with its place in the outbox."""

    position: int


def event_id(event_type: str, cause: str) -> str:
    """The id of what a cause brings about: the same cause never makes two events."""
    return "ev-" + hashlib.sha256(f"{event_type}\n{cause}".encode()).hexdigest()[:32]


def append_event(session: Session, event: CanonicalEvent) -> None:
    """Add an event within the caller's transaction."""
    session.connection().execute(_INSERT, event.model_dump())


async def read_events(db: Database, after: int = 0, limit: int = 100) -> list[OutboxEvent]:
    """Events after a position, in order; the position of the last one continues the reading."""
    statement = select(events).where(events.c.position > after).order_by(events.c.position)
    bounded = statement.limit(min(limit, EVENTS_PER_PAGE_MAX))
    found = await db.read(lambda session: session.connection().execute(bounded).all())
    return [OutboxEvent.model_validate(row) for row in found]
