"""The outbox as people see it: events by what they are, what led to them, and where they went."""

import fnmatch
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, Select, and_, func, select
from sqlmodel import Session

from canonical.errors import NotFound
from canonical.events import OutboxEvent
from ledger.database import Database
from ledger.models.effects import effects
from ledger.models.evidence import events
from ledger.models.inbox import inbox
from ledger.models.relay import deliveries, relays
from ledger.relay import DeliveryState

ROWS_MAX = 1000
CAUSES_MAX = 20
NOTHING = "(nothing)"  # a type that no event has


class Selection(BaseModel):
    """Which events are meant; what is not given is not asked for.

    `types` and `only_types` are patterns (`invoice.*`) that both have to fit: what a person asked
    for, and what a subscriber may have. `dead` and `cause` ask for what `target` did not take.
    """

    model_config = ConfigDict(frozen=True)

    ids: list[str] = []
    types: list[str] = []
    only_types: list[str] = []
    legal_entities: list[str] = []
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    target: str = ""
    dead: bool = False
    cause: str = ""


class Summary(BaseModel):
    """How many events are meant, of which types, and from when to when."""

    model_config = ConfigDict(frozen=True)

    count: int
    types: dict[str, int]
    first: datetime | None
    last: datetime | None


class DeliveryLine(BaseModel):
    """One event that a target did not take at once."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    subscriber: str
    position: int
    event_id: str
    type: str
    state: DeliveryState
    attempts: int
    parked_at: datetime
    due_at: datetime
    last_status: int | None
    cause: str
    error: str
    settled_at: datetime | None


class RelayLine(BaseModel):
    """How far one target has got, and what waits for it."""

    model_config = ConfigDict(frozen=True)

    name: str
    position: int
    behind: int
    oldest_at: datetime | None
    pending: int
    dead: int
    moved_at: datetime
    error: str
    failing_since: datetime | None
    stopped_at: datetime | None


class CauseEffect(BaseModel):
    """The write of ours that an event reports."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    key: str
    connection: str
    kind: str
    state: str
    workflow_id: str


class CauseInbound(BaseModel):
    """The inbound event that made us look."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: int
    source: str
    event_id: str
    type: str
    received_at: datetime


class EventDetail(BaseModel):
    """One event, what led to it (the nearest first), what it led to, and where it is held up."""

    model_config = ConfigDict(frozen=True)

    event: OutboxEvent
    causes: list[OutboxEvent]
    effect: CauseEffect | None
    inbound: CauseInbound | None
    consequences: list[OutboxEvent]
    deliveries: list[DeliveryLine]
    relayed_to: list[str]


async def select_events(
    db: Database, wanted: Selection, *, after: int = 0, limit: int = ROWS_MAX, newest: bool = False
) -> list[OutboxEvent]:
    """The events meant, in order, from after a position; with `newest` the last ones there are."""

    def work(session: Session) -> list[OutboxEvent]:
        order = events.c.position.desc() if newest else events.c.position
        statement = _narrowed(session, select(events), wanted).where(events.c.position > after)
        bounded = statement.order_by(order).limit(min(limit, ROWS_MAX))
        found = [_event(row) for row in session.connection().execute(bounded)]
        return found[::-1] if newest else found

    return await db.read(work)


async def summarize(db: Database, wanted: Selection) -> Summary:
    """What a selection comes to."""

    def work(session: Session) -> Summary:
        columns = (events.c.type, func.count(), func.min(events.c.occurred_at))
        statement = select(*columns, func.max(events.c.occurred_at)).group_by(events.c.type)
        rows = session.connection().execute(_narrowed(session, statement, wanted)).all()
        return Summary(
            count=sum(row[1] for row in rows),
            types={row[0]: row[1] for row in sorted(rows)},
            first=min((row[2] for row in rows), default=None),
            last=max((row[3] for row in rows), default=None),
        )

    return await db.read(work)


async def show_event(db: Database, event_id: str) -> EventDetail:
    """One event with its causes and deliveries; raises NotFound."""

    def work(session: Session) -> EventDetail:
        event = _find(session, event_id)
        if event is None:
            raise NotFound(f"there is no event {event_id}", about=event_id)
        caused = select(events).where(
            events.c.correlation_id == event.correlation_id, events.c.causation_id == event.id
        )
        held = select(deliveries).where(deliveries.c.event_id == event_id)
        past = select(relays.c.name).where(relays.c.position >= event.position)
        connection = session.connection()
        parked = [DeliveryLine.model_validate(row) for row in connection.execute(held)]
        missing = {line.subscriber for line in parked if line.state is not DeliveryState.DELIVERED}
        return EventDetail(
            event=event,
            causes=_causes(session, event),
            effect=_effect(session, event.causation_id),
            inbound=_inbound(session, event.causation_id),
            consequences=[_event(row) for row in connection.execute(caused.limit(ROWS_MAX))],
            deliveries=parked,
            relayed_to=sorted(set(connection.execute(past).scalars()) - missing),
        )

    return await db.read(work)


async def list_deliveries(
    db: Database, *, state: DeliveryState | None = None, target: str = "", limit: int = 100
) -> list[DeliveryLine]:
    """What targets did not take at once, the newest first."""
    statement = select(deliveries).order_by(deliveries.c.position.desc(), deliveries.c.subscriber)
    if state is not None:
        statement = statement.where(deliveries.c.state == state.value)
    if target:
        statement = statement.where(deliveries.c.subscriber == target)
    bounded = statement.limit(min(limit, ROWS_MAX))
    rows = await db.read(lambda s: s.connection().execute(bounded).all())
    return [DeliveryLine.model_validate(row) for row in rows]


async def list_relays(db: Database) -> list[RelayLine]:
    """How far every target is, and how many events wait for it."""

    def work(session: Session) -> list[RelayLine]:
        connection = session.connection()
        states = (deliveries.c.subscriber, deliveries.c.state)
        counts = {
            (name, state): number
            for name, state, number in connection.execute(
                select(*states, func.count()).group_by(*states)
            )
        }
        lines = []
        for row in connection.execute(select(relays).order_by(relays.c.name)).mappings().all():
            waits = select(func.count(), func.min(events.c.occurred_at)).where(
                events.c.position > row["position"]
            )
            behind, oldest = connection.execute(waits).one()
            dead = counts.get((row["name"], DeliveryState.DEAD.value), 0)
            pending = counts.get((row["name"], DeliveryState.PENDING.value), 0)
            known = {"behind": behind, "oldest_at": oldest, "dead": dead, "pending": pending}
            lines.append(RelayLine(**dict(row), **known))
        return lines

    return await db.read(work)


def _narrowed(session: Session, statement: Select[Any], wanted: Selection) -> Select[Any]:
    column = events.c
    if wanted.ids:
        statement = statement.where(column.id.in_(wanted.ids))
    for patterns in (wanted.types, wanted.only_types):
        if patterns and "*" not in patterns:
            statement = statement.where(column.type.in_(_types(session, patterns)))
    if wanted.legal_entities:
        statement = statement.where(column.legal_entity.in_(wanted.legal_entities))
    if wanted.subject:
        statement = statement.where(column.subject == wanted.subject)
    if wanted.since is not None:
        statement = statement.where(column.occurred_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(column.occurred_at < wanted.until)
    return _held_up(statement, wanted) if wanted.dead or wanted.cause else statement


def _held_up(statement: Select[Any], wanted: Selection) -> Select[Any]:
    held = and_(
        deliveries.c.position == events.c.position, deliveries.c.subscriber == wanted.target
    )
    statement = statement.join(deliveries, held)
    if wanted.dead:
        statement = statement.where(deliveries.c.state == DeliveryState.DEAD.value)
    else:
        statement = statement.where(deliveries.c.state != DeliveryState.DELIVERED.value)
    if wanted.cause:
        statement = statement.where(deliveries.c.cause == wanted.cause)
    return statement


def _types(session: Session, patterns: Sequence[str]) -> list[str]:
    """The types there are that fit a pattern; patterns are not SQL's, and types are few."""
    known = session.connection().execute(select(events.c.type).distinct()).scalars()
    fitting = [t for t in known if any(fnmatch.fnmatchcase(t, p) for p in patterns)]
    return fitting or [NOTHING]


def _event(row: Row[Any]) -> OutboxEvent:
    return OutboxEvent.model_validate(dict(row._mapping))


def _find(session: Session, event_id: str) -> OutboxEvent | None:
    found = session.connection().execute(select(events).where(events.c.id == event_id)).first()
    return None if found is None else _event(found)


def _causes(session: Session, event: OutboxEvent) -> list[OutboxEvent]:
    """Events that led to an event, as far back as they are known."""
    found: list[OutboxEvent] = []
    seen = {event.id}
    while event.causation_id and event.causation_id not in seen and len(found) < CAUSES_MAX:
        cause = _find(session, event.causation_id)
        if cause is None:
            break
        seen.add(cause.id)
        found.append(cause)
        event = cause
    return found


def _effect(session: Session, key: str) -> CauseEffect | None:
    columns = [effects.c[name] for name in CauseEffect.model_fields]
    found = session.connection().execute(select(*columns).where(effects.c.key == key)).first()
    return None if found is None else CauseEffect.model_validate(found)


def _inbound(session: Session, cause: str) -> CauseInbound | None:
    """The inbound event that a cause `source/event id` names."""
    source, _, event_id = cause.partition("/")
    columns = [inbox.c[name] for name in CauseInbound.model_fields]
    statement = select(*columns).where(inbox.c.source == source, inbox.c.event_id == event_id)
    found = session.connection().execute(statement).first()
    return None if found is None else CauseInbound.model_validate(found)
