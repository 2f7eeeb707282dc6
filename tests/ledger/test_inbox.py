"""What comes in is stored once, claimed by one dispatcher, and done with only on success."""

import asyncio
from datetime import timedelta

import pytest

from canonical.connections import Environment
from canonical.inbound import InboundEvent, Refusal
from ledger import inbox as inbox_module
from ledger.database import Database
from ledger.inbox import Inbox, InboxState
from ledger.views.inbox import count_refusals, list_events, list_refusals
from tests.ledger.clocks import Clock


def paid(clock: Clock, event_id: str = "evt_1") -> InboundEvent:
    """Stripe says that Globex's invoice was paid."""
    return InboundEvent(
        source="stripe-us",
        event_id=event_id,
        type="invoice.paid",
        kind="invoice",
        subject="in_42",
        environment=Environment.TEST,
        body=b'{"id": "\xff"}',
        received_at=clock.now,
    )


async def test_an_event_that_is_delivered_twice_is_stored_once(db: Database, clock: Clock) -> None:
    """The second delivery is counted and not dispatched again."""
    inbox = Inbox(db, clock=clock)

    first = await inbox.store(paid(clock))
    again = await inbox.store(paid(clock))

    assert (first.new, again.new, again.id) == (True, False, first.id)
    (line,) = await list_events(db)
    assert line.deliveries == 2
    (event,) = await inbox.pending(10)
    assert (event.body, event.attempts) == (paid(clock).body, 1)


async def test_deliveries_at_the_same_moment_leave_one_event(db: Database, clock: Clock) -> None:
    """Twenty at once: exactly one is new."""
    inbox = Inbox(db, clock=clock)

    stored = await asyncio.gather(*(inbox.store(paid(clock)) for _ in range(20)))

    assert sum(one.new for one in stored) == 1


async def test_two_dispatchers_share_the_work_without_overlap(db: Database, clock: Clock) -> None:
    """Each event is claimed by one of them, the oldest first."""
    inbox = Inbox(db, clock=clock)
    for number in range(6):
        await inbox.store(paid(clock, f"evt_{number}"))

    claimed = await asyncio.gather(inbox.pending(4), inbox.pending(4))

    ids = [event.event_id for batch in claimed for event in batch]
    assert len(ids) == len(set(ids))
    assert [e.id for e in claimed[0]] == sorted(e.id for e in claimed[0])


async def test_an_event_whose_dispatcher_died_is_due_again(db: Database, clock: Clock) -> None:
    """The claim ends, and the next attempt is counted."""
    inbox = Inbox(db, clock=clock)
    await inbox.store(paid(clock))
    await inbox.pending(10)
    assert await inbox.pending(10) == []

    clock.advance(31)

    (event,) = await inbox.pending(10)
    assert event.attempts == 2


async def test_a_dispatched_event_is_done_and_stays_deduplicated(
    db: Database, clock: Clock
) -> None:
    """A late redelivery of it changes nothing."""
    inbox = Inbox(db, clock=clock)
    stored = await inbox.store(paid(clock))

    await inbox.dispatched(stored.id, "quote-to-cash/acme/006GLOBEX")

    clock.advance(3600)
    assert not (await inbox.store(paid(clock))).new
    assert await inbox.pending(10) == []
    assert await inbox.counts() == {InboxState.DISPATCHED: 1}


async def test_a_failed_event_waits_and_a_dead_one_needs_a_person(
    db: Database, clock: Clock
) -> None:
    """Retried at the time given; set aside when dead; due again when somebody replays it."""
    inbox = Inbox(db, clock=clock)
    stored = await inbox.store(paid(clock))
    await inbox.failed(stored.id, "Temporal is away", clock.now + timedelta(seconds=60), dead=False)
    assert await inbox.pending(10) == []
    clock.advance(60)
    assert len(await inbox.pending(10)) == 1

    await inbox.failed(stored.id, "no such deal", clock.now, dead=True)
    assert await inbox.pending(10) == []
    assert await inbox.counts() == {InboxState.DEAD: 1}

    await inbox.requeue(stored.id)
    (event,) = await inbox.pending(10)
    assert event.attempts == 1


async def test_refusals_are_kept_up_to_a_bound_and_then_counted(
    db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of forged messages cannot fill the disk."""
    monkeypatch.setattr(inbox_module, "REFUSALS_KEPT_MAX", 3)
    inbox = Inbox(db, clock=clock)
    forged = Refusal(
        source="stripe-us",
        reason="the signature does not match",
        code="bad_signature",
        remote="203.0.113.9",
        body_digest="ab" * 32,
        body_bytes=120,
        at=clock.now,
    )
    for _ in range(5):
        await inbox.refuse(forged)

    assert len(await list_refusals(db)) == 3
    (total,) = await count_refusals(db)
    assert (total.source, total.code, total.total) == ("stripe-us", "bad_signature", 5)
