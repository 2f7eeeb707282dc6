"""A reader of the outbox that goes by position passes by nothing, and knows where it was."""

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlmodel import Session

from canonical.connections import Environment
from canonical.errors import Busy
from canonical.events import CanonicalEvent
from canonical.ports import Delivery
from ledger import audit
from ledger.database import Database
from ledger.events import append_event, read_events
from ledger.relay import Attempted, DeliveryState, SqlRelay, note_replay, record_replay
from ledger.scopes import Lease
from ledger.views.outbox import (
    Selection,
    list_deliveries,
    list_relays,
    select_events,
    show_event,
    summarize,
)
from tests.ledger.clocks import Clock

HELD_SECONDS = 0.3
WAIT_SECONDS = 20.0


def posted(clock: Clock, number: int, **changes: object) -> CanonicalEvent:
    """Globex's invoice of that number was posted, so many minutes after nine."""
    told: dict[str, object] = {
        "id": f"ev-{number}",
        "type": "invoice.posted",
        "source": "stripe-us",
        "subject": f"invoice/in_{number}",
        "occurred_at": clock.now + timedelta(minutes=number),
        "legal_entity": "GLOBEX-US",
        "environment": Environment.TEST,
    }
    return CanonicalEvent.model_validate(told | changes)


async def write(db: Database, *events: CanonicalEvent) -> None:
    """Each in a transaction of its own."""
    for event in events:
        await db.run(lambda session, event=event: append_event(session, event))


async def test_a_later_position_is_never_committed_before_an_earlier_one(
    db: Database, url: str, clock: Clock
) -> None:
    """A writer that is slow to commit makes the next one wait, and no reader sees a gap."""
    appended, may_commit = threading.Event(), threading.Event()
    other = Database.open(url)

    def slow(session: Session) -> None:
        append_event(session, posted(clock, 1))
        appended.set()
        assert may_commit.wait(WAIT_SECONDS)

    first = asyncio.create_task(db.run(slow))
    await asyncio.to_thread(appended.wait, WAIT_SECONDS)
    second = asyncio.create_task(other.run(lambda s: append_event(s, posted(clock, 2))))
    done, _ = await asyncio.wait({second}, timeout=HELD_SECONDS)

    assert done == set()  # although it has nothing to do with the first one
    assert await read_events(db) == []

    may_commit.set()
    await asyncio.gather(first, second)
    await other.close()
    assert [event.id for event in await read_events(db)] == ["ev-1", "ev-2"]


async def test_readers_beside_many_writers_see_every_event_in_order(
    db: Database, url: str, clock: Clock
) -> None:
    """Four writers, some of whom take back what they wrote; a reader that never looks back."""
    writers = [Database.open(url) for _ in range(3)]
    seen: list[int] = []
    finished = asyncio.Event()

    def write_one(number: int, session: Session) -> None:
        append_event(session, posted(clock, number))
        audit.append(session, "story", "told", f"ev-{number}", {}, clock.now)
        if number % 5 == 0:
            raise LookupError(number)

    async def write_some(database: Database, first: int) -> None:
        for number in range(first, first + 25):
            work = lambda s, number=number: write_one(number, s)  # noqa: E731
            await asyncio.gather(database.run(work), return_exceptions=True)

    async def read() -> None:
        last = False
        while not last:
            last = finished.is_set()
            after = seen[-1] if seen else 0
            seen.extend(event.position for event in await read_events(db, after))
            await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write_some(w, 100 * n) for n, w in enumerate([db, *writers])))
    finished.set()
    await reading
    for writer in writers:
        await writer.close()

    outbox = [event.position for event in await read_events(db, limit=1000)]
    assert len(outbox) == 80
    assert seen == outbox


async def test_one_relay_has_a_target_until_it_lets_go_or_is_silent_too_long(
    db: Database, clock: Clock
) -> None:
    """The other one is told to wait, and cannot move the position."""
    first, second = (SqlRelay(db, "nats", Lease(n, 30), clock=clock) for n in ("first", "second"))
    await write(db, posted(clock, 1), posted(clock, 2))
    await first.begin()
    await first.advance(1)

    for attempt in (second.begin, second.renew, lambda: second.advance(2)):
        with pytest.raises(Busy):
            await attempt()
    clock.advance(29)
    await first.renew()
    clock.advance(29)
    with pytest.raises(Busy):
        await second.begin()

    clock.advance(2)
    assert (await second.begin()).position == 1
    with pytest.raises(Busy):
        await first.advance(2)
    await second.release()
    assert (await first.begin()).position == 1


async def test_a_new_target_begins_with_the_first_event_or_after_the_last(
    db: Database, clock: Clock
) -> None:
    """Where it once was counts from then on."""
    await write(db, posted(clock, 1), posted(clock, 2))
    lease = Lease("relay", 30)

    everything = SqlRelay(db, "archive", lease, clock=clock)
    news = SqlRelay(db, "finance-hub", lease, clock=clock)

    assert (await everything.begin()).position == 0
    assert (await news.begin(from_now=True)).position == 2
    await write(db, posted(clock, 3))
    assert (await news.begin(from_now=True)).position == 2
    assert {line.name: line.behind for line in await list_relays(db)} == {
        "archive": 3,
        "finance-hub": 1,
    }


async def test_what_is_parked_is_due_in_time_and_settled_once(db: Database, clock: Clock) -> None:
    """Parked with the position that passes it, in one transaction."""
    await write(db, *(posted(clock, number) for number in (1, 2, 3)))
    events = await read_events(db)
    relay = SqlRelay(db, "finance-hub", Lease("relay", 1e6), clock=clock)
    await relay.begin()
    failed = Delivery(status=500, cause="http_500", error="the endpoint answered 500")

    later = clock.now + timedelta(seconds=10)
    await relay.advance(3, [Attempted(e, 1, failed, later) for e in events[:2]])
    assert await relay.due() == []
    clock.advance(10)
    assert [(due.event.id, due.attempts) for due in await relay.due()] == [("ev-1", 1), ("ev-2", 1)]
    await relay.settle(
        [Attempted(events[0], 2, Delivery(status=200)), Attempted(events[1], 2, failed)]
    )

    assert await relay.due() == []
    states = {line.event_id: line.state for line in await list_deliveries(db)}
    assert states == {"ev-1": DeliveryState.DELIVERED, "ev-2": DeliveryState.DEAD}
    (line,) = await list_relays(db)
    assert (line.position, line.behind, line.pending, line.dead) == (3, 0, 0, 1)


async def test_a_replay_settles_what_was_given_up_and_parks_what_fails_again(
    db: Database, clock: Clock
) -> None:
    """With all its attempts before it, since somebody has repaired something."""
    await write(db, posted(clock, 1), posted(clock, 2))
    events = await read_events(db)
    relay = SqlRelay(db, "finance-hub", Lease("relay", 1e6), clock=clock)
    await relay.begin()
    failed = Delivery(cause="http_500", error="the endpoint answered 500")
    await relay.advance(2, [Attempted(event, 12, failed) for event in events])

    await note_replay(db, "finance-hub", Attempted(events[0], 1, Delivery(status=200)))
    await note_replay(db, "finance-hub", Attempted(events[1], 1, failed, clock.now))

    lines = {line.event_id: line for line in await list_deliveries(db)}
    assert lines["ev-1"].state is DeliveryState.DELIVERED
    assert (lines["ev-2"].state, lines["ev-2"].attempts) == (DeliveryState.PENDING, 1)
    assert len(await relay.due()) == 1


async def test_events_are_selected_by_what_they_are_and_how_they_fared(
    db: Database, clock: Clock
) -> None:
    """Patterns are not SQL's: a percent sign is a percent sign."""
    await write(
        db,
        posted(clock, 1),
        posted(clock, 2, type="invoice.overdue", legal_entity="GLOBEX-DE"),
        posted(clock, 3, type="case.escalated", subject="case/1"),
    )
    events = await read_events(db)
    relay = SqlRelay(db, "finance-hub", Lease("relay", 1e6), clock=clock)
    await relay.begin()
    gone = Delivery(cause="http_404", error="the endpoint answered 404")
    await relay.advance(3, [Attempted(events[1], 6, gone)])

    async def found(**wanted: object) -> list[str]:
        return [e.id for e in await select_events(db, Selection.model_validate(wanted))]

    assert await found() == ["ev-1", "ev-2", "ev-3"]
    assert await found(types=["invoice.*"]) == ["ev-1", "ev-2"]
    assert await found(types=["invoice.*"], only_types=["*.overdue"]) == ["ev-2"]
    assert await found(types=["%"]) == []
    assert await found(legal_entities=["GLOBEX-DE"]) == ["ev-2"]
    assert await found(subject="case/1") == ["ev-3"]
    assert await found(ids=["ev-1", "ev-3"]) == ["ev-1", "ev-3"]
    nine_o_two = clock.now + timedelta(minutes=2)
    assert await found(since=nine_o_two) == ["ev-2", "ev-3"]
    assert await found(until=nine_o_two) == ["ev-1"]
    assert await found(target="finance-hub", dead=True) == ["ev-2"]
    assert await found(target="finance-hub", cause="http_404") == ["ev-2"]
    assert await found(target="finance-hub", cause="http_500") == []
    assert await found(target="archive", dead=True) == []
    summary = await summarize(db, Selection(types=["invoice.*"]))
    assert (summary.count, summary.types) == (2, {"invoice.overdue": 1, "invoice.posted": 1})
    assert (summary.first, summary.last) == (events[0].occurred_at, events[1].occurred_at)


async def test_an_event_shows_what_led_to_it_and_who_has_it(db: Database, clock: Clock) -> None:
    """Back to the first event, and forth to what it led to."""
    chain = {"correlation_id": "globex-onboarding"}
    await write(
        db,
        posted(clock, 1, **chain),
        posted(clock, 2, causation_id="ev-1", **chain),
        posted(clock, 3, causation_id="ev-2", **chain),
    )
    relay = SqlRelay(db, "finance-hub", Lease("relay", 1e6), clock=clock)
    await relay.begin()
    await relay.advance(2)

    detail = await show_event(db, "ev-2")
    last = await show_event(db, "ev-3")

    assert [event.id for event in detail.causes] == ["ev-1"]
    assert [event.id for event in detail.consequences] == ["ev-3"]
    assert [event.id for event in last.causes] == ["ev-2", "ev-1"]
    assert (detail.relayed_to, last.relayed_to) == (["finance-hub"], [])


async def test_a_replay_is_in_the_audit_with_who_and_why(db: Database) -> None:
    """And the chain holds."""
    await record_replay(db, "finance-hub", "Ada", {"reason": "endpoint repaired", "events": 2})

    assert (await audit.verify(db)).rows == 1
