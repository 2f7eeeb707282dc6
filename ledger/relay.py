"""How far each target of the outbox has got, and what it did not take (`deliveries`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session

from canonical.events import OutboxEvent
from canonical.ports.stream import Delivery
from ledger import audit
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.models.evidence import events
from ledger.models.relay import deliveries, relays
from ledger.scopes import Lease
from ledger.upserts import Upsert

ERROR_CHARACTERS_MAX = 500
DUE_MAX = 500


class DeliveryState(StrEnum):
    """Where an event stands that a target did not take at once."""

    PENDING = "pending"  # tried again when it is due
    DELIVERED = "delivered"  # taken at a later attempt
    DEAD = "dead"  # given up; a person may replay it


@dataclass(frozen=True)
class Standing:
    """Where a target is: the last position that is done with, and since when it wants no more."""

    position: int
    stopped_at: datetime | None


@dataclass(frozen=True)
class Due:
    """An event to be tried again, after so many attempts."""

    event: OutboxEvent
    attempts: int


@dataclass(frozen=True)
class Attempted:
    """An attempt and what follows: nothing more (delivered), another at `due_at`, or the end."""

    event: OutboxEvent
    attempts: int
    how: Delivery
    due_at: datetime | None = None

    @property
    def state(self) -> DeliveryState:
        """Where the event stands now."""
        if self.how.delivered:
            return DeliveryState.DELIVERED
        return DeliveryState.DEAD if self.due_at is None else DeliveryState.PENDING


_BEGIN = Upsert(relays, lambda insert: insert.on_conflict_do_nothing())
_STANDING = select(relays.c.position, relays.c.stopped_at).where(
    relays.c.name == bindparam("of_name")
)
_LAST = select(func.coalesce(func.max(events.c.position), 0))
_CHANGE = update(relays).where(relays.c.name == bindparam("of_name"))
_PARK = Upsert(
    deliveries,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[deliveries.c.subscriber, deliveries.c.position],
        set_={
            name: insert.excluded[name]
            for name in ("state", "attempts", "due_at", "last_status", "cause", "error")
        }
        | {"settled_at": insert.excluded.settled_at},
    ),
)
_SETTLE = update(deliveries).where(
    deliveries.c.subscriber == bindparam("of_name"),
    deliveries.c.position == bindparam("of_position"),
)
_DUE = (
    select(events, deliveries.c.attempts)
    .join(deliveries, deliveries.c.position == events.c.position)
    .where(
        deliveries.c.subscriber == bindparam("of_name"),
        deliveries.c.state == DeliveryState.PENDING.value,
        deliveries.c.due_at <= bindparam("now"),
    )
    .order_by(deliveries.c.due_at, deliveries.c.position)
    .limit(bindparam("at_most"))
)


class SqlRelay:
    """One target's place in the outbox; every change of it needs the lease and renews it.

    `begin`, `renew`, `advance` and `settle` raise Busy while another relay has the target.
    """

    def __init__(self, db: Database, name: str, lease: Lease, *, clock: Clock = utc_now) -> None:
        self.name = name
        self.lease = lease
        self.clock = clock
        self._db = db
        self._scope = f"relay/{name}"

    async def begin(self, *, from_now: bool = False) -> Standing:
        """Take the target over; a new one begins with the first event, or after the last one."""
        return await self._db.run(lambda s: self._begin(s, from_now))

    async def renew(self) -> None:
        """Keep the target for another while."""
        await self._db.run(self._take)

    async def advance(self, position: int, parked: Sequence[Attempted] = ()) -> None:
        """Everything up to a position is done with, but for what is parked here."""
        await self._db.run(lambda s: self._advance(s, position, parked))

    async def due(self, limit: int = DUE_MAX) -> list[Due]:
        """Parked events whose time has come, the longest due first."""
        values = {"of_name": self.name, "now": self.clock(), "at_most": min(limit, DUE_MAX)}
        rows = await self._db.read(lambda s: s.connection().execute(_DUE, values).all())
        return [Due(OutboxEvent.model_validate(dict(row._mapping)), row.attempts) for row in rows]

    async def settle(self, attempted: Sequence[Attempted]) -> None:
        """Note how later attempts went."""
        if attempted:
            await self._db.run(lambda s: self._settle(s, attempted))

    async def failing(self, error: str) -> None:
        """Say what holds the target up; the first time counts for since when."""
        values = {"error": error[:ERROR_CHARACTERS_MAX]}
        since = {"failing_since": func.coalesce(relays.c.failing_since, self.clock())}
        await self._db.run(
            lambda s: s.connection().execute(_CHANGE.values(values | since), {"of_name": self.name})
        )

    async def stop(self, error: str) -> None:
        """The target wants no more: its events stay in the outbox until somebody resumes it."""
        values = {"stopped_at": self.clock(), "error": error[:ERROR_CHARACTERS_MAX]}
        await self._db.run(lambda s: self._change(s, values))

    async def release(self) -> None:
        """Let another relay have the target at once."""
        await self._db.run(lambda s: self.lease.release(s, self._scope))

    def _take(self, session: Session) -> None:
        self.lease.take(session, self._scope, self.clock())

    def _begin(self, session: Session, from_now: bool) -> Standing:
        self._take(session)
        connection = session.connection()
        position = connection.execute(_LAST).scalar_one() if from_now else 0
        row = {"name": self.name, "position": position, "moved_at": self.clock(), "error": ""}
        _BEGIN.run(session, row | {"failing_since": None, "stopped_at": None})
        found = connection.execute(_STANDING, {"of_name": self.name}).one()
        return Standing(found.position, found.stopped_at)

    def _advance(self, session: Session, position: int, parked: Sequence[Attempted]) -> None:
        self._take(session)
        values = {"position": position, "moved_at": self.clock(), "error": ""}
        self._change(session, values | {"failing_since": None})
        park(session, self.name, parked, self.clock())

    def _settle(self, session: Session, attempted: Sequence[Attempted]) -> None:
        self._take(session)
        for one in attempted:
            keys = {"of_name": self.name, "of_position": one.event.position}
            session.connection().execute(_SETTLE, keys | _outcome(one, self.clock()))
        if any(one.how.delivered for one in attempted):
            self._change(session, {"error": "", "failing_since": None})

    def _change(self, session: Session, values: dict[str, Any]) -> None:
        session.connection().execute(_CHANGE, {"of_name": self.name} | values)


def park(session: Session, name: str, attempted: Sequence[Attempted], now: datetime) -> None:
    """Keep what a target did not take, also when it was given up before."""
    for one in attempted:
        event = one.event
        about = {"subscriber": name, "position": event.position, "event_id": event.id}
        about |= {"type": event.type, "parked_at": now}
        _PARK.run(session, about | _outcome(one, now))


def _outcome(one: Attempted, now: datetime) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "attempts": one.attempts,
        "due_at": one.due_at or now,
        "last_status": one.how.status,
        "cause": one.how.cause,
        "error": one.how.error[:ERROR_CHARACTERS_MAX],
        "settled_at": None if one.state is DeliveryState.PENDING else now,
    }


async def note_replay(
    db: Database, name: str, attempted: Attempted, *, clock: Clock = utc_now
) -> None:
    """What a person's replay of an event came to: a parked one is settled, a failed one parked."""

    def work(session: Session) -> None:
        now = clock()
        if attempted.how.delivered:
            keys = {"of_name": name, "of_position": attempted.event.position}
            session.connection().execute(_SETTLE, keys | _outcome(attempted, now))
        else:
            park(session, name, [attempted], now)

    await db.run(work)


async def record_replay(
    db: Database, name: str, actor: str, body: dict[str, Any], *, clock: Clock = utc_now
) -> None:
    """Keep in the audit that somebody replays events to a target, which ones and why."""
    await db.run(
        lambda s: audit.append(s, actor, "events.replayed", f"relay/{name}", body, clock())
    )


async def resume(
    db: Database, name: str, actor: str, reason: str, *, clock: Clock = utc_now
) -> bool:
    """Let a target that wanted no more have events again; False when it was not stopped."""
    statement = (
        update(relays)
        .where(relays.c.name == name, relays.c.stopped_at.is_not(None))
        .values(stopped_at=None, error="", failing_since=None)
        .returning(relays.c.name)
    )

    def work(session: Session) -> bool:
        if session.connection().execute(statement).first() is None:
            return False
        body = {"reason": reason}
        audit.append(session, actor, "relay.resumed", f"relay/{name}", body, clock())
        return True

    return await db.run(work)
