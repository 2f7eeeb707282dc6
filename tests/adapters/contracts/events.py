"""What every source of events promises: nothing skipped, the same ids again, and a way back."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical.connections import Connection, Environment
from canonical.errors import CursorExpired, NotFound, RateLimited, Unavailable
from canonical.facts import READ_AS
from canonical.inbound import InboundEvent
from canonical.ports.events import EventsPort
from simulators.kernel import Simulator
from simulators.serve import serving

PAGES_MAX = 50
LONG_AGO = timedelta(days=1)


class EventsContract(ABC):
    """Inherited by each vendor's suite; a test class gives `simulator` and `connection` fixtures.

    `page_size` is what the suite's source is told to ask for at most, so that five changes need
    several pages.
    """

    stream: str
    page_size = 2
    # Whether the vendor's feed can forget a cursor at all.
    forgets = True
    # How far back the suite's changes may lie.
    reach = LONG_AGO
    # A path that every `changes` call asks for.
    feed_path: str

    @abstractmethod
    def simulator(self) -> Simulator:
        """The vendor's stand-in (a fixture)."""

    @abstractmethod
    def connection(self) -> Connection:
        """A connection to it (a fixture)."""

    @abstractmethod
    def source(self, connection: Connection) -> EventsPort:
        """The vendor's source of events on a connection, asking for `page_size` at most."""

    @abstractmethod
    async def change(self, simulator: Any, number: int) -> str:
        """Make a business change to record `number` (creating it the first time), at a later
        instant than the change before; answers the subject that hints of it name."""

    async def forget(self, simulator: Any) -> None:
        """Make every cursor given so far one that the vendor no longer knows."""
        raise AssertionError("a feed that forgets says how")

    @pytest.fixture
    async def url(self, simulator: Simulator) -> AsyncIterator[str]:
        async with serving({"vendor": simulator}) as urls:
            yield urls["vendor"]

    @pytest.fixture
    async def events(self, connection: Connection) -> AsyncIterator[EventsPort]:
        source = self.source(connection)
        yield source
        await source.aclose()

    async def told(
        self, events: EventsPort, cursor: str
    ) -> tuple[list[InboundEvent], str, datetime]:
        """Everything after a cursor, and where it ends."""
        found: list[InboundEvent] = []
        for _ in range(PAGES_MAX):
            page = await events.changes(self.stream, cursor)
            found += page.events
            cursor = page.cursor
            if not page.more:
                return found, cursor, page.read_up_to
        raise AssertionError("the feed does not end")

    def beginning(self, events: EventsPort) -> str:
        """A cursor before everything that the test does."""
        return events.start(self.stream, datetime.now(UTC) - self.reach)

    async def test_every_change_is_told_page_by_page_with_what_identifies_it(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Five records, several pages: each is told, as a hint with kind, subject and origin."""
        subjects = [await self.change(simulator, number) for number in range(5)]

        found, _, _ = await self.told(events, self.beginning(events))

        assert set(subjects) <= {event.subject for event in found}
        for event in found:
            assert event.kind
            assert event.version
            assert event.source == "main"
            assert event.environment is Environment.TEST
            assert len(event.event_id) <= 255
            assert event.received_at.tzinfo is not None

    async def test_the_same_cursor_tells_the_same_events_under_the_same_ids(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """A poll that dies before its cursor is kept repeats itself, and the inbox notices."""
        for number in range(3):
            await self.change(simulator, number)
        beginning = self.beginning(events)

        first, _, _ = await self.told(events, beginning)
        again, _, _ = await self.told(events, beginning)

        assert [event.event_id for event in again] == [event.event_id for event in first]

    async def test_a_later_poll_tells_what_came_since_and_misses_nothing(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """It may repeat the edge of the page before, under the same ids."""
        await self.change(simulator, 0)
        before, cursor, _ = await self.told(events, self.beginning(events))
        later = await self.change(simulator, 1)

        found, _, _ = await self.told(events, cursor)

        known = {event.event_id for event in before}
        assert later in {event.subject for event in found if event.event_id not in known}

    async def test_another_change_of_a_record_is_another_event_with_a_later_version(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Versions of one record sort as text."""
        subject = await self.change(simulator, 0)
        before, cursor, _ = await self.told(events, self.beginning(events))
        assert await self.change(simulator, 0) == subject

        found, _, _ = await self.told(events, cursor)

        old = max(e.version for e in before if e.subject == subject)
        new = max(e.version for e in found if e.subject == subject)
        assert new > old

    async def test_nothing_new_is_an_empty_page_and_the_cursor_stays_good(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """An idle feed is not an error, however often it is asked."""
        await self.change(simulator, 0)
        before, cursor, _ = await self.told(events, self.beginning(events))
        known = {event.event_id for event in before}

        for _ in range(3):
            found, cursor, read_up_to = await self.told(events, cursor)
            assert {event.event_id for event in found} <= known
            assert read_up_to.tzinfo is not None

        later = await self.change(simulator, 1)
        found, _, _ = await self.told(events, cursor)
        assert later in {event.subject for event in found}

    async def test_a_forgotten_cursor_is_said_to_be_expired(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Never an empty page: that would be a dead sync behind a green light."""
        if not self.forgets:
            pytest.skip("this vendor's feed is a query over its records and forgets nothing")
        await self.change(simulator, 0)
        _, cursor, _ = await self.told(events, self.beginning(events))
        await self.forget(simulator)

        with pytest.raises(CursorExpired):
            await events.changes(self.stream, cursor)

    async def test_a_backfill_tells_every_record_that_changed_in_the_window(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """By reading the records themselves, whatever the feed still knows."""
        subjects = {await self.change(simulator, number) for number in range(4)}
        now = datetime.now(UTC)

        found = [
            event
            async for event in events.backfill(
                self.stream, now - self.reach, now + timedelta(minutes=5)
            )
        ]

        assert subjects <= {event.subject for event in found}

    async def test_a_census_counts_the_subjects_of_the_window(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """With the newest version of each, so that the inbox can be held against it."""
        subjects = {await self.change(simulator, number) for number in range(4)}
        await self.change(simulator, 0)
        now = datetime.now(UTC)
        found, _, _ = await self.told(events, self.beginning(events))

        census = await events.census(self.stream, now - self.reach, now + timedelta(minutes=5))

        assert subjects <= census.keys()
        for subject in subjects:
            assert census[subject] == max(e.version for e in found if e.subject == subject)

    async def test_the_record_is_read_as_it_is_now(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """A hint of an older version reads the newest one."""
        subject = await self.change(simulator, 0)
        (old, *_), cursor, _ = await self.told(events, self.beginning(events))
        await self.change(simulator, 0)
        found, _, _ = await self.told(events, cursor)
        newest = max(e.version for e in found if e.subject == subject)

        facts = await events.read(old)

        assert facts is not None
        assert facts.kind == READ_AS.get(old.kind, old.kind)
        assert facts.version >= newest
        assert facts.changed_at.tzinfo is not None

    async def test_a_record_that_is_gone_is_not_found(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """It is for the dead letters to say so, not for a retry."""
        await self.change(simulator, 0)
        (event, *_), _, _ = await self.told(events, self.beginning(events))

        with pytest.raises(NotFound):
            await events.read(event.model_copy(update={"subject": self.absent(event.subject)}))

    def absent(self, subject: str) -> str:
        """A well-formed subject that no record has."""
        return subject[:-4] + ("9997" if not subject.endswith("9997") else "9996")

    async def test_an_outage_is_unavailability_and_costs_no_event(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """The cursor is good afterwards."""
        subject = await self.change(simulator, 0)
        beginning = self.beginning(events)
        simulator.faults.arm(kind="error_before", path=self.feed_path, status=503)

        with pytest.raises(Unavailable):
            await self.told(events, beginning)

        found, _, _ = await self.told(events, beginning)
        assert subject in {event.subject for event in found}

    async def test_a_throttled_feed_is_rate_limited(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """It slows, and drops nothing (R137)."""
        await self.change(simulator, 0)
        simulator.faults.arm(kind="throttle", path=self.feed_path, retry_after=3)

        with pytest.raises(RateLimited):
            await self.told(events, self.beginning(events))
