"""Sends events once more to one target: chosen by a person, rate limited, and on record."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiolimiter import AsyncLimiter

from canonical.errors import Misconfigured, Rejected
from canonical.events import OutboxEvent
from canonical.ports.stream import Delivery
from domain.redelivery import Patience
from ledger.database import Database
from ledger.relay import Attempted, note_replay, record_replay
from ledger.views.outbox import Selection, Summary, select_events, summarize
from tieline.settings import STREAM_TARGET, Settings
from workers.relay import stream_publisher, subscriber_endpoint

EVENTS_PER_PAGE = 200

# Sends one event and says how it went; None when the stream dropped it as a duplicate.
Send = Callable[[OutboxEvent], Awaitable[Delivery | None]]


@dataclass
class Replayed:
    """How a replay went: `dropped` by the stream as duplicates, `failed` by cause; what failed is
    parked, and the relay tries it again where that may help."""

    sent: int = 0
    dropped: int = 0
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Order:
    """What a person asked for: which events, to which target, how fast, who and why.

    `new_ids` gives the stream other message ids, for events within its duplicate window.
    """

    wanted: Selection
    actor: str
    reason: str
    per_second: float
    new_ids: bool = False


def selection_for(settings: Settings, target: str, wanted: Selection, now: datetime) -> Selection:
    """The events meant that there are by now, as far as the target may have them.

    Raises Misconfigured when there is no such target.
    """
    if target not in settings.relay_targets:
        known = ", ".join(settings.relay_targets) or "none"
        raise Misconfigured(f"no target is called {target!r}; there are {known}", about=target)
    chosen = settings.subscribers.get(target)
    limits: dict[str, Any] = {"target": target, "until": wanted.until or now}
    if chosen is not None:
        limits |= {"only_types": chosen.types, "legal_entities": chosen.legal_entities}
    return wanted.model_copy(update=limits)


async def replay(settings: Settings, db: Database, order: Order) -> Replayed:
    """Send what was ordered, after noting it in the audit; events keep their ids, so that
    consumers drop what they have."""
    replayed, target = Replayed(), order.wanted.target
    limiter = AsyncLimiter(1, 1 / order.per_second)
    suffix = f"/{datetime.now(UTC):%Y%m%dT%H%M%S}" if order.new_ids else ""
    async with _sender(settings, target, suffix) as send:
        await _record(db, order)
        async for event in _events(db, order.wanted):
            async with limiter:
                how = await send(event)
            if how is None:
                replayed.dropped += 1
                continue
            await note_replay(db, target, _attempted(event, how))
            replayed.sent += how.delivered
            replayed.failed.update([how.cause] * (not how.delivered))
    return replayed


async def _record(db: Database, order: Order) -> None:
    summary: Summary = await summarize(db, order.wanted)
    body = {
        "reason": order.reason,
        "selection": order.wanted.model_dump(mode="json", exclude_defaults=True),
        "events": summary.count,
        "types": summary.types,
        "new_ids": order.new_ids,
    }
    await record_replay(db, order.wanted.target, order.actor, body)


async def _events(db: Database, wanted: Selection) -> AsyncIterator[OutboxEvent]:
    """Page by page, by position: what the replay itself changes is not met again."""
    after = 0
    while page := await select_events(db, wanted, after=after, limit=EVENTS_PER_PAGE):
        for event in page:
            yield event
        after = page[-1].position


def _attempted(event: OutboxEvent, how: Delivery) -> Attempted:
    wait = None if how.delivered else Patience().next_after(1, how, 0.5)
    # The stream has no second attempt: what it refuses is too large, today and tomorrow.
    due_at = None if wait is None or how.cause == "Rejected" else datetime.now(UTC) + wait
    return Attempted(event, 1, how, due_at)


@asynccontextmanager
async def _sender(settings: Settings, target: str, suffix: str) -> AsyncIterator[Send]:
    if target != STREAM_TARGET:
        endpoint = subscriber_endpoint(settings, target)
        try:
            yield endpoint.deliver
        finally:
            await endpoint.aclose()
        return
    publisher = stream_publisher(settings)

    async def publish(event: OutboxEvent) -> Delivery | None:
        try:
            return Delivery() if await publisher.publish_again(event, suffix) else None
        except Rejected as error:
            return Delivery(cause=error.cause, error=str(error), lasting=True)

    try:
        yield publish
    finally:
        await publisher.aclose()
