"""The inbox: what comes in is stored once, answered, and only then acted on (DESIGN: idea 3)."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlmodel import Session

from canonical.inbound import Backlog, Channel, InboundEvent, PendingEvent, Refusal, StoredEvent
from ledger.arrivals import Arrivals
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.models.inbox import inbox, refusal_counts, refusals
from ledger.upserts import Upsert

PriorityOf = Callable[[str], int]

CLAIM_SECONDS = 30.0
PENDING_MAX = 1000
REFUSALS_KEPT_MAX = 10_000
ERROR_CHARACTERS_MAX = 500


class InboxState(StrEnum):
    """Where an inbound event stands."""

    PENDING = "pending"
    DISPATCHED = "dispatched"  # a process has taken it on
    RECORDED = "recorded"  # its record was read, and what happened is in the outbox
    STALE = "stale"  # a newer version of its record is known: without effect
    IGNORED = "ignored"  # genuine, but nothing of ours
    DEAD = "dead"  # set aside for a person, with its cause


_STORE = Upsert(
    inbox,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[inbox.c.source, inbox.c.event_id],
        set_={"deliveries": inbox.c.deliveries + 1},
    ).returning(inbox.c.id, inbox.c.deliveries, inbox.c.source, inbox.c.event_id),
)
_SETTLE = update(inbox).where(inbox.c.id == bindparam("of_id"))
_PUT_OFF = _SETTLE.values(
    error=bindparam("error"),
    due_at=bindparam("due_at"),
    cause=bindparam("cause"),
    attempts=inbox.c.attempts - 1,
)
_COUNT_REFUSAL = Upsert(
    refusal_counts,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[refusal_counts.c.source, refusal_counts.c.code],
        set_={"total": refusal_counts.c.total + 1, "last_at": insert.excluded.last_at},
    ).returning(refusal_counts.c.total),
)
_KEEP_REFUSAL = insert(refusals)
_WAITING = select(func.count(), func.min(inbox.c.received_at)).where(inbox.c.state == "pending")
_BACKLOG = select(
    _WAITING.subquery(),
    select(func.count()).where(inbox.c.state == "dead").scalar_subquery(),
)
_EVENT_FIELDS = [inbox.c[name] for name in PendingEvent.model_fields]


class Inbox:
    """Inbound events in the ledger; `claim_seconds` is how long a dispatcher has for one.

    `priority_of` says how urgent an event about a kind of record is, 1 to 5.
    """

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock = utc_now,
        claim_seconds: float = CLAIM_SECONDS,
        priority_of: PriorityOf | None = None,
    ) -> None:
        self._db = db
        self._arrivals = Arrivals(db, lambda c, events: store_all(c, events, priority_of))
        self._clock = clock
        self._claim = timedelta(seconds=claim_seconds)

    async def store(self, event: InboundEvent) -> StoredEvent:
        """Store an event durably; one that is there already is only counted."""
        return await self._arrivals.store(event)

    async def refuse(self, refusal: Refusal) -> None:
        """Keep a refusal; beyond 10,000 of one source and code they are only counted."""
        await self._db.run(lambda s: refuse(s, refusal))

    async def pending(
        self,
        limit: int,
        now: datetime | None = None,
        *,
        source: str | None = None,
        kinds: Collection[str] | None = None,
        but_kinds: Collection[str] = (),
        together: bool = False,
    ) -> list[PendingEvent]:
        """Claim events that are due, the most urgent and then the oldest first, so that no other
        dispatcher takes them meanwhile; of one source, and of some kinds or all but some.

        `together` claims with them what else is due about the same records. One that is neither
        settled nor failed within the claim is due again.
        """
        moment = now or self._clock()
        wanted: list[ColumnElement[bool]] = []
        if source is not None:
            wanted.append(inbox.c.source == source)
        if kinds is not None:
            wanted.append(inbox.c.kind.in_(kinds))
        if but_kinds:
            wanted.append(inbox.c.kind.not_in(but_kinds))
        bounded = min(limit, PENDING_MAX)
        until = moment + self._claim
        wanted += [inbox.c.state == "pending", inbox.c.due_at <= moment]
        return await self._db.run(lambda s: _claimed(s, bounded, until, wanted, together))

    async def waiting_sources(
        self, now: datetime | None = None, *, but_kinds: Collection[str] = ()
    ) -> list[str]:
        """The sources of which events are due, all but some kinds."""
        moment = now or self._clock()
        statement = (
            select(inbox.c.source)
            .distinct()
            .where(
                inbox.c.state == "pending",
                inbox.c.due_at <= moment,
                inbox.c.kind.not_in(but_kinds),
            )
        )
        return await self._db.read(lambda s: list(s.connection().execute(statement).scalars()))

    async def dispatched(self, event_id: int, workflow_id: str) -> None:
        """The event reached its process; only now it is done with."""
        values = {"state": InboxState.DISPATCHED.value, "workflow_id": workflow_id, "error": ""}
        await self._settle(event_id, values | {"settled_at": self._clock()})

    async def failed(
        self, event_id: int, error: str, retry_at: datetime, dead: bool = False, cause: str = ""
    ) -> None:
        """The dispatch failed: due again at `retry_at`, or set aside for a person when dead."""
        values: dict[str, Any] = {"error": error[:ERROR_CHARACTERS_MAX], "due_at": retry_at}
        values["cause"] = cause
        if dead:
            values |= {"state": InboxState.DEAD.value, "settled_at": self._clock()}
        await self._settle(event_id, values)

    async def put_off(self, event_id: int, error: str, retry_at: datetime, cause: str) -> None:
        """What is wrong is not the event's fault: due again at `retry_at`, as if not tried."""
        values = {"error": error[:ERROR_CHARACTERS_MAX], "due_at": retry_at, "cause": cause}
        await self._db.run(lambda s: s.connection().execute(_PUT_OFF, {"of_id": event_id} | values))

    async def requeue(self, event_id: int) -> None:
        """Make an event due again, dead or dispatched: a replay that a person asked for (R127)."""
        await self._db.run(lambda s: requeue(s, event_id, self._clock()))

    async def counts(self) -> dict[InboxState, int]:
        """How many events are in each state."""
        statement = select(inbox.c.state, func.count()).group_by(inbox.c.state)
        rows = await self._db.read(lambda s: s.connection().execute(statement).all())
        return {InboxState(state): number for state, number in rows}

    async def backlog(self, now: datetime | None = None) -> Backlog:
        """What waits: how many events, since when the oldest, and how many are set aside."""
        moment = now or self._clock()
        pending, oldest, dead = await self._db.read(
            lambda s: s.connection().execute(_BACKLOG).one()
        )
        seconds = (moment - oldest).total_seconds() if oldest else 0.0
        return Backlog(pending=pending, oldest_seconds=max(0.0, seconds), dead=dead)

    async def _settle(self, event_id: int, values: dict[str, Any]) -> None:
        await self._db.run(lambda s: settle(s, event_id, **values))


def store(
    within: Session | Connection, event: InboundEvent, priority_of: PriorityOf | None = None
) -> StoredEvent:
    """Store an event within the caller's transaction; one of no kind of ours is done with."""
    stored = _STORE.run(within, _row(event, priority_of)).one()
    return StoredEvent(id=stored.id, new=stored.deliveries == 1)


def store_all(
    within: Session | Connection,
    events: Sequence[InboundEvent],
    priority_of: PriorityOf | None = None,
) -> list[StoredEvent]:
    """Store different events within the caller's transaction, by one statement."""
    if len(events) == 1:
        return [store(within, events[0], priority_of)]
    # Two processes that store the same events in one order never wait for each other in a circle.
    ordered = sorted(events, key=lambda event: (event.source, event.event_id))
    rows = _STORE.run(within, [_row(event, priority_of) for event in ordered])
    stored = {
        (row.source, row.event_id): StoredEvent(id=row.id, new=row.deliveries == 1) for row in rows
    }
    return [stored[event.source, event.event_id] for event in events]


def _row(event: InboundEvent, priority_of: PriorityOf | None) -> dict[str, Any]:
    # As it is: nothing in an event is a model, and a dump of each is a tenth of storing it.
    row = dict(event) | {"due_at": event.received_at, "deliveries": 1, "attempts": 0}
    if priority_of is not None and event.channel is not Channel.BACKFILL:
        row["priority"] = priority_of(event.kind)
    state = InboxState.PENDING if event.kind else InboxState.IGNORED
    row |= {"state": state.value, "account_id": "", "workflow_id": "", "cause": "", "error": ""}
    return row | {"settled_at": None if event.kind else event.received_at}


def settle(session: Session, event_id: int, **values: Any) -> None:
    """Change what is known of a stored event, within the caller's transaction."""
    session.connection().execute(_SETTLE, {"of_id": event_id} | values)


def requeue(session: Session, event_id: int, now: datetime) -> None:
    """Make an event due again, within the caller's transaction."""
    values = {"state": InboxState.PENDING.value, "due_at": now, "attempts": 0, "cause": ""}
    settle(session, event_id, **values, settled_at=None)


def _claimed(
    session: Session,
    limit: int,
    until: datetime,
    wanted: list[ColumnElement[bool]],
    together: bool,
) -> list[PendingEvent]:
    due = (
        select(inbox.c.id)
        .where(*wanted)
        .order_by(inbox.c.priority, inbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    connection = session.connection()
    ids = set(connection.execute(due).scalars())
    if not ids:
        return []
    if together:
        ids.update(connection.execute(_of_same_records(ids, wanted)).scalars())
    claimed = (
        update(inbox)
        .where(inbox.c.id.in_(ids))
        .values(due_at=until, attempts=inbox.c.attempts + 1)
        .returning(*_EVENT_FIELDS)
    )
    events = [PendingEvent(**row._mapping) for row in connection.execute(claimed)]
    return sorted(events, key=lambda event: (event.priority, event.id))


def _of_same_records(ids: Collection[int], wanted: list[ColumnElement[bool]]) -> Select[Any]:
    first = inbox.alias("first")
    same = [first.c[name] == inbox.c[name] for name in ("source", "kind", "subject")]
    return (
        select(inbox.c.id)
        .join(first, and_(*same))
        .where(first.c.id.in_(ids), inbox.c.subject != "", *wanted)
        .order_by(inbox.c.id)
        .limit(PENDING_MAX)
        .with_for_update(skip_locked=True, of=inbox)
    )


def refuse(session: Session, refusal: Refusal) -> None:
    """Keep a refusal, or only count it, within the caller's transaction."""
    count = {"source": refusal.source, "code": refusal.code, "total": 1, "last_at": refusal.at}
    if _COUNT_REFUSAL.run(session, count).scalar_one() <= REFUSALS_KEPT_MAX:
        session.connection().execute(_KEEP_REFUSAL, refusal.model_dump())
