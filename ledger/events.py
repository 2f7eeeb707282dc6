"""The outbox: canonical events, written in the transaction that makes them true."""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from canonical.connections import Environment
from canonical.events import TYPES, CanonicalEvent, EventData, OutboxEvent
from ledger import audit
from ledger.database import Database
from ledger.models.evidence import events
from ledger.upserts import Upsert

_INSERT = Upsert(
    events,
    lambda insert: insert.on_conflict_do_nothing(index_elements=[events.c.id]).returning(
        events.c.position
    ),
)
EVENTS_PER_PAGE_MAX = 1000


def event_id(event_type: str, cause: str) -> str:
    """The id of what a cause brings about: the same cause never makes two events."""
    return "ev-" + hashlib.sha256(f"{event_type}\n{cause}".encode()).hexdigest()[:32]


def event_of(
    data: EventData,
    cause: str,
    *,
    source: str,
    subject: str,
    occurred_at: datetime,
    correlation_id: str,
    legal_entity: str,
    environment: Environment,
    caused_by: str = "",
) -> CanonicalEvent:
    """The event that a cause brings about, under the type and version of its data; `caused_by` is
    what led to it, where that is more than the cause."""
    kind, version = TYPES[type(data)]
    return CanonicalEvent(
        id=event_id(kind, cause),
        type=kind,
        version=version,
        source=source,
        subject=subject,
        occurred_at=occurred_at,
        correlation_id=correlation_id,
        causation_id=caused_by or cause,
        legal_entity=legal_entity,
        environment=environment,
        body=data.model_dump(mode="json"),
    )


def append_event(session: Session, event: CanonicalEvent) -> bool:
    """Add an event within the caller's transaction; False when it was told before.

    Call it late: on PostgreSQL every other writer of events waits until the commit.
    """
    # Positions come from a sequence. Were two writers under way at once, the later position might
    # be committed first, and a reader would pass by the earlier one for ever.
    audit.hold_head(session)
    return _INSERT.run(session, event.model_dump()).first() is not None


async def read_events(db: Database, after: int = 0, limit: int = 100) -> list[OutboxEvent]:
    """Events after a position, in order; the position of the last one continues the reading."""
    statement = select(events).where(events.c.position > after).order_by(events.c.position)
    bounded = statement.limit(min(limit, EVENTS_PER_PAGE_MAX))
    found = await db.read(lambda session: session.connection().execute(bounded).all())
    return [OutboxEvent.model_validate(dict(row._mapping)) for row in found]
