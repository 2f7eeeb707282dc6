"""What relaying to one target is: the stream takes events in order, a subscriber one by one."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from canonical.events import OutboxEvent
from canonical.ports.stream import Delivery, Endpoint, Publisher
from domain.redelivery import Patience, takes
from ledger.database import Database
from ledger.events import read_events
from ledger.relay import Attempted, SqlRelay

PAUSE_SECONDS_MAX = 30.0
# Deliveries of one step for each that may be under way at once: a step stays short.
ROUNDS = 4


@dataclass(frozen=True)
class Step:
    """The position reached, seconds until there may be more, and whether no more is wanted."""

    position: int
    wait_seconds: float
    stopped: bool = False


class Target(Protocol):
    """One target; `step` raises the errors of `canonical.errors`."""

    relay: SqlRelay
    from_now: bool

    async def step(self, after: int, stop: asyncio.Event) -> Step:
        """Relay some of the events after a position."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


@dataclass
class StreamTarget:
    """The stream: a batch at a time, and the position once the batch is acknowledged."""

    db: Database
    relay: SqlRelay
    publisher: Publisher
    batch: int
    poll_seconds: float
    from_now: bool = False

    async def step(self, after: int, stop: asyncio.Event) -> Step:
        """Publish the next batch; an event that the stream will never take is set aside."""
        events = await read_events(self.db, after, self.batch)
        if not events:
            return Step(after, self.poll_seconds)
        refused = await self.publisher.publish(events)
        dead = [
            Attempted(event, 1, Delivery(cause="Rejected", error=refused[event.id], lasting=True))
            for event in events
            if event.id in refused
        ]
        reached = events[-1].position
        await self.relay.advance(reached, dead)
        return Step(reached, 0.0 if len(events) == self.batch else self.poll_seconds)

    async def aclose(self) -> None:
        """Close the connection."""
        await self.publisher.aclose()


@dataclass
class SubscriberTarget:
    """A subscriber: what it does not take is parked, so that it holds up nothing behind it."""

    db: Database
    relay: SqlRelay
    endpoint: Endpoint
    types: Sequence[str]
    legal_entities: Sequence[str]
    concurrent: int
    batch: int
    poll_seconds: float
    from_now: bool = False
    patience: Patience = field(default_factory=Patience)
    chance: Callable[[], float] = random.random
    failed_steps: int = field(default=0, init=False)

    async def step(self, after: int, stop: asyncio.Event) -> Step:
        """What is due again, then what is new."""
        most = ROUNDS * self.concurrent
        due = await self.relay.due(most)
        attempts = {one.event.position: one.attempts for one in due}
        tried = await self._attempt([one.event for one in due], stop)
        again = [self._judged(e, h, attempts[e.position] + 1) for e, h in tried if h and not h.gone]
        await self.relay.settle(again)
        if gone := _gone(tried):
            return await self._stopped(after, gone)
        return await self._step_on(after, stop, again, len(due) == most)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.endpoint.aclose()

    async def _step_on(
        self, after: int, stop: asyncio.Event, again: Sequence[Attempted], more: bool
    ) -> Step:
        most = ROUNDS * self.concurrent
        events = await read_events(self.db, after, self.batch)
        wanted = [event for event in events if takes(event, self.types, self.legal_entities)]
        tried = await self._attempt(wanted[:most], stop)
        # Up to the first that has not been tried, or that the endpoint wants no more of.
        open_ = [event for event, how in tried if how is None or how.gone] + wanted[most:]
        reached = open_[0].position - 1 if open_ else events[-1].position if events else after
        fresh = [self._judged(e, h, 1) for e, h in tried if h and e.position <= reached]
        if reached > after:
            await self.relay.advance(reached, [one for one in fresh if not one.how.delivered])
        if gone := _gone(tried):
            return await self._stopped(reached, gone)
        more = more or len(wanted) > most or len(events) == self.batch
        return Step(reached, await self._pause([*again, *fresh], more))

    async def _stopped(self, position: int, how: Delivery) -> Step:
        await self.relay.stop(f"{how.error}: it wants no more events")
        return Step(position, self.poll_seconds, stopped=True)

    async def _attempt(
        self, events: Sequence[OutboxEvent], stop: asyncio.Event
    ) -> list[tuple[OutboxEvent, Delivery | None]]:
        """Each event with how it went, None for one that was not tried any more; what is about one
        subject goes one after the other."""
        slots = asyncio.Semaphore(self.concurrent)
        taken: dict[int, Delivery] = {}
        subjects: dict[str, list[OutboxEvent]] = {}
        for event in events:
            subjects.setdefault(event.subject, []).append(event)

        async def deliver(group: list[OutboxEvent]) -> None:
            for event in group:
                async with slots:
                    if stop.is_set() or any(how.gone for how in taken.values()):
                        return
                    taken[event.position] = await self.endpoint.deliver(event)

        await asyncio.gather(*(deliver(group) for group in subjects.values()))
        return [(event, taken.get(event.position)) for event in events]

    def _judged(self, event: OutboxEvent, how: Delivery, attempts: int) -> Attempted:
        if how.delivered:
            return Attempted(event, attempts, how)
        wait = self.patience.next_after(attempts, how, self.chance())
        due_at = None if wait is None else self.relay.clock() + wait
        return Attempted(event, attempts, how, due_at)

    async def _pause(self, judged: Sequence[Attempted], more: bool) -> float:
        """Seconds before the next step: longer each time that nothing at all was taken."""
        if any(one.how.delivered for one in judged):
            self.failed_steps = 0
        elif any(not one.how.lasting for one in judged):
            self.failed_steps += 1
            await self.relay.failing(judged[-1].how.error)
            return min(self.poll_seconds * 2.0**self.failed_steps, PAUSE_SECONDS_MAX)
        return 0.0 if more else self.poll_seconds


def _gone(tried: Sequence[tuple[OutboxEvent, Delivery | None]]) -> Delivery | None:
    return next((how for _, how in tried if how is not None and how.gone), None)
