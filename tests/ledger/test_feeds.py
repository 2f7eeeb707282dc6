"""Our place in a change feed is kept with what was read up to there, or not at all."""

from datetime import timedelta

import pytest

from canonical.connections import Polling
from canonical.desk import ProcessRecord
from canonical.effects import ProcessRef
from canonical.intake import ConcernKind
from canonical.milestones import Milestone
from canonical.money import Money
from canonical.ports.events import ChangePage
from governance.source import CatalogueSource
from ledger.database import Database
from ledger.desk import SqlDesk
from ledger.feeds import Feeds
from ledger.inbox import Inbox, InboxState
from ledger.watch import Expectation, SqlWatch
from tests.ledger.clocks import Clock
from tests.sources import MemorySource, invoice, version

POLLED = {"billing": Polling(every_seconds=60, behind_seconds=600)}


def page(clock: Clock, source: MemorySource, cursor: str = "1") -> ChangePage:
    """The first page of a feed."""
    return ChangePage(events=source.feed[:2], cursor=cursor, read_up_to=clock.now)


async def test_a_page_and_the_place_after_it_are_kept_together(db: Database, clock: Clock) -> None:
    """Read again, it brings nothing new."""
    source, feeds = MemorySource(), Feeds(db, clock=clock)
    source.change(invoice(1))
    source.change(invoice(2))

    assert await feeds.keep("billing", "changes", page(clock, source)) == 2
    assert await feeds.keep("billing", "changes", page(clock, source)) == 0

    place = await feeds.cursor("billing", "changes")
    assert place is not None
    assert (place.cursor, place.stored, place.read_up_to) == ("1", 2, clock.now)
    assert await Inbox(db).counts() == {InboxState.PENDING: 2}


async def test_a_page_that_cannot_be_stored_leaves_the_place_where_it_was(
    db: Database, clock: Clock
) -> None:
    """Half a page would be a gap that nobody sees."""
    source, feeds = MemorySource(), Feeds(db, clock=clock)
    source.change(invoice(1))
    await feeds.keep("billing", "changes", page(clock, source, "1"))
    source.change(invoice(2))
    poison = source.feed[1].model_copy(update={"type": None})
    broken = ChangePage(events=[source.feed[1], poison], cursor="2", read_up_to=clock.now)

    with pytest.raises(Exception, match=r"(?i)null"):
        await feeds.keep("billing", "changes", broken)

    place = await feeds.cursor("billing", "changes")
    assert place is not None
    assert (place.cursor, place.stored) == ("1", 1)
    assert await Inbox(db).counts() == {InboxState.PENDING: 1}


async def test_what_the_inbox_lacks_of_a_census_is_named(db: Database, clock: Clock) -> None:
    """A subject it never heard of, and one of which it has only an older version."""
    source, feeds = MemorySource(), Feeds(db, clock=clock)
    for facts in (invoice(1, 5), invoice(2, 5)):
        source.change(facts)
    await feeds.store(source.feed)

    lacking = await feeds.missing(
        "billing", {"in_0001": version(5), "in_0002": version(6), "in_0003": version(0)}
    )

    assert lacking == {"in_0002": version(6), "in_0003": version(0)}


def kinds(concerns: list[object]) -> list[str]:
    """What the concerns are."""
    return [concern.kind for concern in concerns]  # type: ignore[attr-defined]


async def test_a_feed_that_nobody_reads_is_a_concern_whatever_else_is_green(
    db: Database, clock: Clock
) -> None:
    """A quiet feed that is read is none; the same silence has one id, a later one another."""
    feeds, watch = Feeds(db, clock=clock), SqlWatch(db, POLLED, lambda: [], clock=clock)
    await feeds.keep("billing", "changes", page(clock, MemorySource()))
    assert await watch.concerns() == []

    clock.now += timedelta(seconds=601)
    await feeds.failed("billing", "changes", "Stripe does not answer")

    (concern,) = await watch.concerns()
    assert concern.kind is ConcernKind.CURSOR_BEHIND
    assert "Stripe does not answer" in concern.message
    assert await watch.still(concern)
    await feeds.keep("billing", "changes", page(clock, MemorySource()))
    assert not await watch.still(concern)


async def test_a_listener_that_stopped_is_a_concern_though_its_connection_is_not_polled(
    db: Database, clock: Clock
) -> None:
    """A feed that is neither heard nor polled any more is none, nor one that left the settings."""
    feeds = Feeds(db, clock=clock)
    watch = SqlWatch(db, {"crm": Polling()}, lambda: [], clock=clock)
    await feeds.listened("crm", "/event/Order_Closed_Won__e")
    await feeds.keep("crm", "opportunities", page(clock, MemorySource()))
    await feeds.listened("crm-of-old", "/event/Order_Closed_Won__e")
    await feeds.keep("crm", "/event/Order_Closed_Won__e", page(clock, MemorySource()))
    assert await watch.concerns() == []

    clock.advance(3601)

    (concern,) = await watch.concerns()
    assert (concern.kind, concern.connection) == (ConcernKind.CURSOR_BEHIND, "crm")
    assert concern.stream == "/event/Order_Closed_Won__e"
    await feeds.keep("crm", "/event/Order_Closed_Won__e", page(clock, MemorySource()))
    assert not await watch.still(concern)


async def test_a_forgotten_place_is_a_concern_until_somebody_has_seen_it(
    db: Database, clock: Clock
) -> None:
    """The gap was filled, but nobody can say what was deleted in it."""
    feeds, watch = Feeds(db, clock=clock), SqlWatch(db, POLLED, lambda: [], clock=clock)
    await feeds.keep("billing", "changes", page(clock, MemorySource()))

    await feeds.expired("billing", "changes", clock.now - timedelta(hours=3))

    (concern,) = await watch.concerns()
    assert concern.kind is ConcernKind.CURSOR_EXPIRED
    assert "06:00Z" in concern.message
    assert await watch.still(concern)


async def test_a_window_that_does_not_add_up_is_a_concern_until_it_does(
    db: Database, clock: Clock
) -> None:
    """Counted again with nothing missing, it is none."""
    feeds, watch = Feeds(db, clock=clock), SqlWatch(db, POLLED, lambda: [], clock=clock)
    since, until = clock.now - timedelta(hours=1), clock.now
    await feeds.counted("billing", "changes", since, until, 7, {"in_0003": version(0)})

    (concern,) = await watch.concerns()

    assert concern.kind is ConcernKind.COUNT_MISMATCH
    assert "1 of 7" in concern.message
    assert "in_0003" in concern.message
    await feeds.counted("billing", "changes", since, until, 7, {})
    assert not await watch.still(concern)


async def test_what_must_follow_and_does_not_is_a_concern_with_the_money_it_holds(
    db: Database, clock: Clock
) -> None:
    """No activation an hour after the order; one that came, or was cancelled, is none."""
    soon = Expectation(
        name="activation",
        process="quote-to-cash",
        after=Milestone.ORDER_ACCEPTED,
        then=Milestone.SUBSCRIPTION_ACTIVATED,
        within=timedelta(hours=1),
    )
    watch = SqlWatch(db, {}, lambda: [soon], clock=clock)
    desk = SqlDesk(db, CatalogueSource(), clock=clock)
    for deal, stage in (("LATE", "fulfilling"), ("DONE", "completed"), ("GONE", "cancelled")):
        await desk.record_process(globex(deal, stage))
        await desk.record_milestone(of(deal), Milestone.ORDER_ACCEPTED, deal, clock.now)
    await desk.record_milestone(of("DONE"), Milestone.SUBSCRIPTION_ACTIVATED, "DONE", clock.now)
    assert await watch.concerns() == []

    clock.now += timedelta(minutes=61)

    (concern,) = await watch.concerns()
    assert concern.kind is ConcernKind.EVENT_MISSING
    assert concern.workflow_id == "quote-to-cash/crm/LATE"
    assert str(concern.held) == "12,000.00 USD"


def of(deal: str) -> ProcessRef:
    """The process of a deal."""
    return ProcessRef(
        process="quote-to-cash", workflow_id=f"quote-to-cash/crm/{deal}", correlation_id="tl"
    )


def globex(deal: str, stage: str) -> ProcessRecord:
    """Where the process of one of Globex's deals stands."""
    value = Money.of("12000.00", "USD")
    return ProcessRecord(process=of(deal), business_id=deal, stage=stage, value=value)
