"""Feeds that cannot be read: it is on record, one gap is told once, and no other feed waits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.feeds import FeedActivities
from canonical.connections import Polling
from canonical.errors import Malformed, Unauthorized, Unavailable
from canonical.inbound import InboundEvent
from canonical.intake import ConcernKind, ConnectionRef
from canonical.ports.events import ChangePage
from ledger.audit import verify
from ledger.database import Database
from ledger.feeds import Feeds
from ledger.views.inbox import list_events
from ledger.watch import SqlWatch
from tests.sources import MemorySource, invoice

BILLING = ConnectionRef(connection="billing")
POLLING = Polling(every_seconds=60, lookback_seconds=86_400)


@dataclass
class TwoFeeds(MemorySource):
    """Onboardings are told in a form that nobody understands; what follows them is sound."""

    def streams(self) -> list[str]:
        """The broken one comes first."""
        return ["onboardings", "changes"]

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page of the sound one."""
        if stream == "onboardings":
            raise Malformed("an onboarding of the list has no status")
        return await super().changes(stream, cursor)


@dataclass
class Interrupted(MemorySource):
    """A system that breaks off so many of its backfills."""

    breaks: int = 2

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each record, unless it breaks off."""
        if self.breaks:
            self.breaks -= 1
            raise Unavailable("the system went away in the middle")
        async for event in super().backfill(stream, since, until):
            yield event


async def poll(db: Database, source: MemorySource) -> None:
    """One poll of all its feeds."""
    feed = FeedActivities(source, "billing", POLLING, Feeds(db))
    await ActivityEnvironment().run(feed.poll, BILLING)


async def concerns(db: Database) -> list[tuple[str, str]]:
    """What the watch would raise: kind and message."""
    watch = SqlWatch(db, {"billing": POLLING}, lambda: [])
    return [(concern.kind, concern.message) for concern in await watch.concerns()]


async def test_a_feed_that_cannot_be_understood_holds_up_no_other(db: Database) -> None:
    """The sound one is read to its end; why the other stands still is at its place."""
    source = TwoFeeds()
    for number in (1, 2):
        with pytest.raises(Malformed, match="has no status"):
            await poll(db, source)
        source.change(invoice(number))
    with pytest.raises(Malformed):
        await poll(db, source)

    assert {line.subject for line in await list_events(db)} == {"in_0001", "in_0002"}
    broken, sound = [await Feeds(db).cursor("billing", s) for s in source.streams()]
    assert broken is not None and broken.error == "an onboarding of the list has no status"
    assert sound is not None and sound.error == ""


async def test_a_feed_that_was_never_read_is_not_forgotten(db: Database) -> None:
    """A key that was wrong from the first day: somebody is told, and nothing is skipped later."""
    source = MemorySource(error=Unauthorized("the key is refused"))
    source.change(invoice(1))
    with pytest.raises(Unauthorized):
        await poll(db, source)

    [(kind, message)] = await concerns(db)
    assert kind == ConcernKind.CURSOR_BEHIND
    assert "the key is refused" in message

    source.error = None
    await poll(db, source)
    assert await concerns(db) == []
    place = await Feeds(db).cursor("billing", "changes")
    assert place is not None
    assert datetime.now(UTC) - place.read_up_to < timedelta(minutes=1)


async def test_a_gap_whose_filling_breaks_off_is_one_gap_and_filled_in_the_end(
    db: Database,
) -> None:
    """It stays the same concern however often its filling was begun, and says why it waits."""
    source = Interrupted()
    await poll(db, source)
    source.change(invoice(1), told=False)
    source.forget()

    found = set()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await poll(db, source)
        place = await Feeds(db).cursor("billing", "changes")
        assert place is not None and place.error == "the system went away in the middle"
        found.add((place.expired_at, place.gap_from))
    assert len(found) == 1
    rows = (await verify(db)).rows

    await poll(db, source)

    place = await Feeds(db).cursor("billing", "changes")
    assert place is not None and place.error == ""
    assert (place.expired_at, place.gap_from) in found
    assert [line.subject for line in await list_events(db)] == ["in_0001"]
    assert (await verify(db)).rows == rows == 1
