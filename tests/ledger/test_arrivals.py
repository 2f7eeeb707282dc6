"""Events that arrive at the same moment are stored together, and each is answered for itself."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from canonical.connections import Environment
from canonical.errors import Unavailable
from canonical.inbound import InboundEvent, StoredEvent
from ledger.arrivals import EVENTS_PER_COMMIT_MAX, Arrivals
from ledger.database import Database
from ledger.inbox import Inbox, store_all
from ledger.views.inbox import list_events
from ledger.views.intake import show_backlog
from tests.ledger.clocks import Clock


def paid(clock: Clock, number: int) -> InboundEvent:
    """Stripe says that one of Globex's invoices was paid."""
    return InboundEvent(
        source="stripe-us",
        event_id=f"evt_{number}",
        type="invoice.paid",
        kind="invoice",
        subject=f"in_{number}",
        environment=Environment.TEST,
        body=b"{}",
        received_at=clock.now,
    )


async def test_what_arrives_at_once_shares_a_commit_and_each_learns_its_own_number(
    db: Database, clock: Clock
) -> None:
    """A hundred senders, two transactions."""
    batches: list[int] = []

    def keep(connection: Connection, events: Sequence[InboundEvent]) -> list[StoredEvent]:
        batches.append(len(events))
        return store_all(connection, events)

    arrivals = Arrivals(db, keep)
    stored = await asyncio.gather(*(arrivals.store(paid(clock, n)) for n in range(100)))

    numbers = {line.event_id: line.id for line in await list_events(db)}
    assert [one.id for one in stored] == [numbers[f"evt_{n}"] for n in range(100)]
    assert all(one.new for one in stored)
    assert batches == [EVENTS_PER_COMMIT_MAX, 100 - EVENTS_PER_COMMIT_MAX]


async def test_duplicates_among_what_arrives_at_once_are_counted(
    db: Database, clock: Clock
) -> None:
    """Stripe sends one event three times over, among others."""
    inbox = Inbox(db, clock=clock)

    stored = await asyncio.gather(*(inbox.store(paid(clock, n)) for n in (1, 7, 2, 7, 3, 7)))

    assert [one.new for one in stored] == [True, True, True, False, True, False]
    assert len({one.id for one in stored}) == 4
    (seventh,) = [line for line in await list_events(db) if line.event_id == "evt_7"]
    assert seventh.deliveries == 3


async def test_one_that_cannot_be_stored_turns_nobody_else_away(db: Database, clock: Clock) -> None:
    """The database refuses one of five; the other four are there."""
    inbox = Inbox(db, clock=clock)
    broken = paid(clock, 3).model_copy(update={"type": None})
    events = [broken if n == 3 else paid(clock, n) for n in range(5)]

    ended = await asyncio.gather(*(inbox.store(e) for e in events), return_exceptions=True)

    assert isinstance(ended[3], IntegrityError)
    assert all(isinstance(one, StoredEvent) for n, one in enumerate(ended) if n != 3)
    assert {line.event_id for line in await list_events(db)} == {"evt_0", "evt_1", "evt_2", "evt_4"}


async def test_a_sender_that_leaves_loses_neither_its_event_nor_that_of_another(
    db: Database, clock: Clock
) -> None:
    """Its connection breaks while the event waits: it is stored all the same."""
    inbox = Inbox(db, clock=clock)
    senders = [asyncio.create_task(inbox.store(paid(clock, n))) for n in range(3)]
    await asyncio.sleep(0)

    senders[1].cancel()
    ended = await asyncio.gather(*senders, return_exceptions=True)

    assert isinstance(ended[1], asyncio.CancelledError)
    assert {line.event_id for line in await list_events(db)} == {"evt_0", "evt_1", "evt_2"}


async def test_all_are_told_when_the_ledger_is_away_and_stored_when_it_is_back(
    db: Database, clock: Clock
) -> None:
    """Each sender is asked to send again."""
    away = True

    def keep(connection: Connection, events: Sequence[InboundEvent]) -> list[StoredEvent]:
        if away:
            raise Unavailable("The ledger does not answer.", about="ledger")
        return store_all(connection, events)

    arrivals = Arrivals(db, keep)
    events = [paid(clock, n) for n in range(3)]
    ended = await asyncio.gather(*map(arrivals.store, events), return_exceptions=True)
    away = False
    again = await asyncio.gather(*map(arrivals.store, events))

    assert all(isinstance(one, Unavailable) for one in ended)
    assert all(one.new for one in again)


async def test_a_backlog_that_has_begun_to_clear_is_judged_by_its_present_pace(
    db: Database, clock: Clock
) -> None:
    """Nothing for minutes, then two a second: what is left takes half as many seconds."""
    inbox = Inbox(db, clock=clock)
    stored = [await inbox.store(paid(clock, n)) for n in range(100)]
    await inbox.dispatched(stored[0].id, "quote-to-cash/crm/006GLOBEX")

    clock.advance(120)
    idle = await show_backlog(db, clock.now)
    for one in stored[1:41]:
        clock.advance(0.5)
        await inbox.dispatched(one.id, "quote-to-cash/crm/006GLOBEX")
    clearing = await show_backlog(db, clock.now)

    assert idle.per_second == pytest.approx(1 / 300)
    assert clearing.pending == 59
    assert clearing.per_second == pytest.approx(2, rel=0.1)
    assert clearing.clearing_seconds == pytest.approx(59 / 2, rel=0.1)
    assert clearing.oldest_seconds == pytest.approx(140)


async def test_a_backlog_is_foretold_once_it_has_cleared_for_a_few_seconds(
    db: Database, clock: Clock
) -> None:
    """A tenth of it in four seconds: the rest takes nine times as long, not more."""
    inbox = Inbox(db, clock=clock)
    stored = [await inbox.store(paid(clock, n)) for n in range(200)]
    clock.advance(60)
    for one in stored[:20]:
        clock.advance(0.2)
        await inbox.dispatched(one.id, "quote-to-cash/crm/006GLOBEX")

    clearing = await show_backlog(db, clock.now)

    assert clearing.clearing_seconds == pytest.approx(9 * 4, rel=0.1)


async def test_a_few_events_done_in_one_moment_are_no_pace(db: Database, clock: Clock) -> None:
    """They are spread over two seconds, so that nothing is foretold to be over at once."""
    inbox = Inbox(db, clock=clock)
    for one in [await inbox.store(paid(clock, n)) for n in range(4)][:2]:
        await inbox.dispatched(one.id, "quote-to-cash/crm/006GLOBEX")

    backlog = await show_backlog(db, clock.now)

    assert (backlog.per_second, backlog.clearing_seconds) == (1, 2)
