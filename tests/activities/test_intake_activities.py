"""Taking in: each record read once, failures wait in the inbox and hold nothing up."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.feeds import PAGES_PER_POLL_MAX, FeedActivities
from activities.intake import FAILURES_MAX, HINTS_PER_ROUND_MAX, IntakeActivities
from canonical.connections import Polling
from canonical.errors import Malformed, RateLimited, Unauthorized, Unavailable
from canonical.inbound import BACKFILL_PRIORITY, Channel
from canonical.intake import ConnectionRef, TakenIn
from ledger.database import Database
from ledger.events import read_events
from ledger.feeds import Feeds
from ledger.inbox import Inbox, InboxState
from ledger.records import Records
from ledger.views.inbox import list_events
from tests.ledger.clocks import Clock
from tests.sources import MemorySource, invoice, version

BILLING = ConnectionRef(connection="billing")


async def take_in(db: Database, source: MemorySource, clock: Clock | None = None) -> TakenIn:
    """One round, as the connection's worker does it."""
    inbox = Inbox(db, clock=clock) if clock else Inbox(db)
    intake = IntakeActivities(source, "billing", inbox, Records(db))
    return await ActivityEnvironment().run(intake.take_in, BILLING)


def feed_of(db: Database, source: MemorySource) -> FeedActivities:
    """The polls of a source."""
    polling = Polling(every_seconds=60, lookback_seconds=0)
    return FeedActivities(source, "billing", polling, Feeds(db))


async def states(db: Database) -> dict[str, InboxState]:
    """Where each hint stands."""
    return {line.event_id: line.state for line in await list_events(db, limit=1000)}


async def told(db: Database) -> list[str]:
    """The types of all events."""
    return [event.type for event in await read_events(db, limit=1000)]


def later(seconds: float = 3600) -> Clock:
    """A clock by which everything that waits is due."""
    clock = Clock()
    clock.now = datetime.now(UTC) + timedelta(seconds=seconds)
    return clock


async def test_hints_of_one_record_cost_one_read(db: Database) -> None:
    """Five hints that came in a burst: the record is read once, as it is now."""
    source = MemorySource()
    for minute in range(5):
        await Inbox(db).store(source.change(invoice(1, minute)))

    done = await take_in(db, source)

    assert done == TakenIn(recorded=5)
    assert source.reads == ["in_0001"]
    assert await told(db) == ["invoice.posted"]


async def test_a_hint_older_than_what_is_known_costs_no_read(db: Database) -> None:
    """It is on record as stale and has no effect."""
    source = MemorySource()
    late = source.change(invoice(1, 1))
    await Inbox(db).store(source.change(invoice(1, 5)))
    await take_in(db, source)
    source.reads.clear()

    await Inbox(db).store(late)
    done = await take_in(db, source)

    assert done == TakenIn(stale=1)
    assert source.reads == []
    assert (await states(db))[late.event_id] is InboxState.STALE


async def test_poison_is_set_aside_with_its_cause_and_holds_nothing_up(db: Database) -> None:
    """The bad one is tried a bounded number of times; its neighbours are taken in at once."""
    source = MemorySource()
    for number in (1, 2, 3):
        await Inbox(db).store(source.change(invoice(number)))
    source.broken["in_0002"] = Malformed("Stripe answered an invoice without a currency")

    for attempt in range(FAILURES_MAX):
        done = await take_in(db, source, later(3600 * attempt))

    assert done == TakenIn(failed=1, dead=1)
    lines = {line.subject: line for line in await list_events(db)}
    assert lines["in_0002"].state is InboxState.DEAD
    assert lines["in_0002"].cause == "Malformed"
    assert "without a currency" in lines["in_0002"].error
    assert lines["in_0001"].state is lines["in_0003"].state is InboxState.RECORDED
    assert await told(db) == ["invoice.posted", "invoice.posted"]


async def test_a_record_that_is_gone_is_a_dead_letter_in_the_end(db: Database) -> None:
    """It may have been deleted, or not be visible yet: it is asked again before it dies."""
    source = MemorySource()
    await Inbox(db).store(source.change(invoice(1)))
    source.records.clear()

    for attempt in range(FAILURES_MAX):
        await take_in(db, source, later(3600 * attempt))

    (line,) = await list_events(db)
    assert (line.state, line.cause, line.attempts) == (InboxState.DEAD, "NotFound", FAILURES_MAX)


async def test_a_hint_about_a_record_that_is_none_of_ours_is_ignored(db: Database) -> None:
    """A callback of too wide a rule: one read for all of its hints, and no dead letter."""
    source = MemorySource(foreign={"in_0001"})
    for minute in (1, 2):
        await Inbox(db).store(source.change(invoice(1, minute)))
    await Inbox(db).store(source.change(invoice(2)))

    done = await take_in(db, source)

    assert done == TakenIn(recorded=1, ignored=2)
    assert sorted(source.reads) == ["in_0001", "in_0002"]
    lines = [line for line in await list_events(db) if line.subject == "in_0001"]
    assert {(line.state, line.cause) for line in lines} == {(InboxState.IGNORED, "")}
    assert await told(db) == ["invoice.posted"]


@pytest.mark.parametrize(
    "around_us",
    [Unavailable("down"), RateLimited("slow", retry_after_seconds=7), Unauthorized("key")],
)
async def test_no_hint_dies_of_what_is_wrong_around_it(db: Database, around_us: Exception) -> None:
    """An outage of any length, a quota or a revoked key: the hint waits, and is then taken in."""
    source = MemorySource()
    await Inbox(db).store(source.change(invoice(1)))
    source.error = around_us
    for attempt in range(2 * FAILURES_MAX):
        assert (await take_in(db, source, later(3600 * attempt))).failed == 1
    assert await states(db) == {f"in_0001:{version(0)}": InboxState.PENDING}

    source.error = None
    await take_in(db, source, later(3600 * 100))

    assert await told(db) == ["invoice.posted"]


async def test_what_was_waited_out_uses_up_no_tries(db: Database) -> None:
    """After a long outage a record that is not visible yet is still asked for five times."""
    source = MemorySource()
    await Inbox(db).store(source.change(invoice(1)))
    source.error = Unavailable("down")
    for attempt in range(2 * FAILURES_MAX):
        await take_in(db, source, later(3600 * attempt))

    source.error = None
    facts = source.records.pop("in_0001")
    for attempt in range(FAILURES_MAX - 1):
        assert await take_in(db, source, later(3600 * (100 + attempt))) == TakenIn(failed=1)
    source.records["in_0001"] = facts

    assert await take_in(db, source, later(3600 * 200)) == TakenIn(recorded=1)


async def test_what_else_is_due_about_a_record_is_taken_in_with_it(db: Database) -> None:
    """A backlog costs one read a record, however its hints lie apart."""
    source, inbox = MemorySource(), Inbox(db)
    for minute in range(2):
        for number in range(HINTS_PER_ROUND_MAX):
            await inbox.store(source.change(invoice(number, minute)))

    done = await take_in(db, source)

    assert done == TakenIn(recorded=2 * HINTS_PER_ROUND_MAX, left=True)
    assert len(source.reads) == HINTS_PER_ROUND_MAX


async def test_a_system_that_lags_behind_its_own_hint_is_asked_again(db: Database) -> None:
    """The hint says minute five, the read still shows minute one."""
    source = MemorySource()
    await Inbox(db).store(source.change(invoice(1, 5, paid="1000.00")))
    source.records["in_0001"] = invoice(1, 1)
    assert await take_in(db, source) == TakenIn(failed=1)
    assert await told(db) == []

    source.records["in_0001"] = invoice(1, 5, paid="1000.00")
    await take_in(db, source, later())

    assert await told(db) == ["invoice.posted", "payment.received"]


async def test_a_round_is_bounded_and_says_that_more_waits(db: Database) -> None:
    """Fifty at a time, so that a backlog neither fills a task nor times out."""
    source = MemorySource()
    for number in range(HINTS_PER_ROUND_MAX + 3):
        await Inbox(db).store(source.change(invoice(number)))

    first, second = await take_in(db, source), await take_in(db, source)

    assert (first.recorded, first.left) == (HINTS_PER_ROUND_MAX, True)
    assert (second.recorded, second.left) == (3, False)


async def test_what_came_in_by_itself_goes_before_a_backfill(db: Database) -> None:
    """A hundred old records never keep a payment waiting."""
    source, inbox = MemorySource(), Inbox(db)
    for number in range(HINTS_PER_ROUND_MAX):
        old = source.change(invoice(number))
        late = {"channel": Channel.BACKFILL, "priority": BACKFILL_PRIORITY}
        await inbox.store(old.model_copy(update=late))
    await inbox.store(source.change(invoice(77, 9, paid="1000.00")))

    await take_in(db, source)

    states_now = await states(db)
    assert states_now[f"in_0077:{version(9)}"] is InboxState.RECORDED
    assert list(states_now.values()).count(InboxState.PENDING) == 1


async def test_a_poll_reads_every_page_and_the_next_one_only_what_is_new(db: Database) -> None:
    """The place is kept page by page."""
    source = MemorySource()
    feed = feed_of(db, source)
    polled = await ActivityEnvironment().run(feed.poll, BILLING)
    for number in range(5):
        source.change(invoice(number))

    polled = await ActivityEnvironment().run(feed.poll, BILLING)

    assert (polled.new, polled.more) == (5, False)
    assert (await ActivityEnvironment().run(feed.poll, BILLING)).new == 0


async def test_a_poll_that_fails_says_so_at_its_place_and_loses_nothing(db: Database) -> None:
    """Whoever looks at the feed sees why it stands still."""
    source, feeds = MemorySource(), Feeds(db)
    feed = feed_of(db, source)
    await ActivityEnvironment().run(feed.poll, BILLING)
    source.change(invoice(1))
    source.error = Unavailable("Stripe is down")

    with pytest.raises(Unavailable):
        await ActivityEnvironment().run(feed.poll, BILLING)

    place = await feeds.cursor("billing", "changes")
    assert place is not None
    assert place.error == "Stripe is down"
    source.error = None
    assert (await ActivityEnvironment().run(feed.poll, BILLING)).new == 1
    place = await feeds.cursor("billing", "changes")
    assert place is not None
    assert place.error == ""


async def test_a_forgotten_place_is_healed_from_the_records_and_on_record(db: Database) -> None:
    """What changed in the gap is read, at the lowest priority; the feed goes on after it."""
    source, feeds = MemorySource(), Feeds(db)
    feed = feed_of(db, source)
    source.change(invoice(1))
    await ActivityEnvironment().run(feed.poll, BILLING)
    source.change(invoice(2), told=False)
    source.change(invoice(3), told=False)
    source.forget()

    healed = await ActivityEnvironment().run(feed.poll, BILLING)

    assert healed.expired == ["changes"]
    place = await feeds.cursor("billing", "changes")
    assert place is not None
    assert place.expired_at is not None
    assert place.gap_from is not None
    lines = {line.subject for line in await list_events(db)}
    assert {"in_0002", "in_0003"} <= lines
    source.change(invoice(4))
    assert (await ActivityEnvironment().run(feed.poll, BILLING)).new >= 1
    await take_in(db, source)
    assert (await told(db)).count("invoice.posted") == 4


async def test_a_change_that_the_feed_never_told_is_found_by_the_count(db: Database) -> None:
    """Lost by the vendor: the census has it, the inbox has not, so it is fetched."""
    source, feeds = MemorySource(), Feeds(db)
    feed = feed_of(db, source)
    await ActivityEnvironment().run(feed.poll, BILLING)
    source.change(invoice(1), told=False)

    counted = await ActivityEnvironment().run(feed.count, BILLING)

    assert (counted.told, counted.missing) == (1, 0)
    count = await feeds.last_count("billing", "changes")
    assert count is not None
    assert (count.told, count.missing) == (1, 0)
    await take_in(db, source)
    assert await told(db) == ["invoice.posted"]


async def test_a_poll_is_bounded(db: Database) -> None:
    """A feed of years is read in several polls."""
    source = MemorySource(page_size=1)
    feed = feed_of(db, source)
    await ActivityEnvironment().run(feed.poll, BILLING)
    for number in range(PAGES_PER_POLL_MAX + 1):
        source.change(invoice(number))

    polled = await ActivityEnvironment().run(feed.poll, BILLING)

    assert (polled.new, polled.more) == (PAGES_PER_POLL_MAX, True)
