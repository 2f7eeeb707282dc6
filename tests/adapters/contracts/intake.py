"""What becomes of a polled feed in the ledger, whatever the vendor does to it."""

import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.feeds import FeedActivities
from activities.intake import FAILURES_MAX, IntakeActivities
from canonical.connections import Polling
from canonical.errors import Malformed
from canonical.inbound import BACKFILL_PRIORITY, Channel
from canonical.intake import ConnectionRef
from canonical.ports.events import ChangePage, EventsPort
from ledger.database import Database
from ledger.events import read_events
from ledger.feeds import Feeds
from ledger.inbox import Inbox, InboxState
from ledger.records import Records
from ledger.views.inbox import InboxLine, list_events
from simulators.serve import serving
from tests.adapters.contracts.drift import Drift, Drifting
from tests.adapters.contracts.events import EventsContract

MAIN = ConnectionRef(connection="main")
SETTLED = {InboxState.RECORDED, InboxState.STALE, InboxState.IGNORED}


class Disordered:
    """A source whose pages come twice, and whose changes within a page come backwards and twice."""

    def __init__(self, source: EventsPort) -> None:
        self._source = source
        self._again: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page, after which it is told once more."""
        page = await self._source.changes(stream, cursor)
        backwards = list(reversed(page.events))
        again = {"cursor": cursor, "more": True} if cursor not in self._again else {}
        self._again.add(cursor)
        return page.model_copy(update={"events": backwards + backwards, **again})


class Taken:
    """A ledger, and what the worker of the connection does with it."""

    def __init__(self, db: Database, source: Any, reach: timedelta) -> None:
        self.polling = Polling(every_seconds=60, lookback_seconds=int(reach.total_seconds()))
        self.db = db
        self.source = source
        self.rounds = 0

    async def poll(self) -> None:
        """Read the feed to its end."""
        feed = FeedActivities(self.source, "main", self.polling, Feeds(self.db))
        while (await ActivityEnvironment().run(feed.poll, MAIN)).more:
            pass

    async def take_in(self) -> None:
        """A round over all that waits, an hour after the one before."""
        self.rounds += 1
        moment = datetime.now(UTC) + timedelta(hours=self.rounds)
        inbox = Inbox(self.db, clock=lambda: moment)
        intake = IntakeActivities(self.source, "main", inbox, Records(self.db))
        await ActivityEnvironment().run(intake.take_in, MAIN)

    async def lines(self) -> list[InboxLine]:
        """The inbox, oldest first."""
        return list(reversed(await list_events(self.db, limit=1000)))

    async def told(self) -> list[str]:
        """The ids of the canonical events."""
        return [event.id for event in await read_events(self.db, limit=1000)]


class IntakeContract(EventsContract):
    """Inherited by the suite of each source that is polled: what the ledger makes of its feed."""

    # Deals are read by the process that they start, not when they are taken in.
    starts_processes = False

    @pytest.fixture
    def empty_ledger(self, ledger_template: Path, tmp_path: Path) -> Path:
        return Path(shutil.copy(ledger_template, tmp_path / "ledger.db"))

    @asynccontextmanager
    async def ledger(self, path: Path, source: Any) -> AsyncIterator[Taken]:
        """A ledger of its own, into which the source's feed is taken."""
        db = Database.open(f"sqlite:///{path}")
        try:
            yield Taken(db, source, self.reach)
        finally:
            await db.close()

    def of_stream(self, lines: list[InboxLine]) -> list[InboxLine]:
        """What the stream told; a source may have others that go on meanwhile."""
        return lines

    @property
    def settled(self) -> Collection[InboxState]:
        """Where hints stand that were taken in."""
        return {InboxState.PENDING} if self.starts_processes else SETTLED

    async def test_pages_that_come_twice_and_backwards_tell_what_orderly_ones_do(
        self, events: EventsPort, simulator: Any, empty_ledger: Path
    ) -> None:
        """Each change is stored once, and has the effects it has in any order."""
        for number in (0, 1, 2, 0, 1):
            await self.change(simulator, number)
        orderly = await self._told_by(events, shutil.copy(empty_ledger, f"{empty_ledger}.other"))

        disordered = await self._told_by(Disordered(events), empty_ledger)

        assert disordered == orderly

    async def _told_by(self, source: Any, path: str | Path) -> tuple[list[str], list[str]]:
        async with self.ledger(Path(path), source) as ledger:
            await ledger.poll()
            lines = await ledger.lines()
            assert len({line.event_id for line in lines}) == len(lines) > 0
            for _ in range(2):
                await ledger.take_in()
            assert {line.state for line in await ledger.lines()} <= set(self.settled)
            told = await ledger.told()
            assert len(set(told)) == len(told)
            return sorted(line.event_id for line in lines), sorted(told)


class GapContract(IntakeContract):
    """Inherited by the suite of each source that can forget our place while nobody reads it."""

    async def test_a_place_that_is_forgotten_is_a_gap_that_is_filled(
        self, events: EventsPort, simulator: Any, empty_ledger: Path
    ) -> None:
        """What changed in the meantime is in the inbox, and the feed is followed from then on."""
        await self.change(simulator, 0)
        async with self.ledger(empty_ledger, events) as ledger:
            await ledger.poll()
            missed = await self.change(simulator, 1)
            await self.forget(simulator)

            await ledger.poll()

            place = await Feeds(ledger.db).cursor("main", self.stream)
            assert place is not None
            assert place.expired_at is not None and place.error == ""
            late = [line for line in await ledger.lines() if line.subject == missed]
            assert {Channel(line.channel) for line in late} <= {Channel.BACKFILL, Channel.POLL}
            assert late and min(line.priority for line in late) <= BACKFILL_PRIORITY
            later = await self.change(simulator, 2)
            await ledger.poll()
            assert later in {line.subject for line in await ledger.lines()}


class DriftContract(IntakeContract):
    """Inherited by the suite of each vendor: what its answers must have, and may have besides.

    `identifying` is a field without which nobody knows what changed in the feed, `needed` one that
    the record itself must have.
    """

    identifying: str
    needed: str

    @pytest.fixture
    def drift(self) -> Drift:
        return Drift()

    @pytest.fixture
    async def url(self, simulator: Any, drift: Drift) -> AsyncIterator[str]:
        async with serving({"vendor": Drifting(simulator, drift)}) as urls:  # type: ignore[dict-item]
            yield urls["vendor"]

    async def test_a_field_that_is_new_is_nothing_to_us(
        self, events: EventsPort, simulator: Any, drift: Drift, empty_ledger: Path
    ) -> None:
        """In every object of every answer."""
        drift.adds = True
        subjects = {await self.change(simulator, number) for number in range(3)}

        async with self.ledger(empty_ledger, events) as ledger:
            await ledger.poll()
            await ledger.take_in()
            lines = await ledger.lines()

        assert subjects <= {line.subject for line in lines}
        assert {line.state for line in lines} <= set(self.settled)

    async def test_a_feed_that_says_too_little_stands_still_and_says_why(
        self, events: EventsPort, simulator: Any, drift: Drift, empty_ledger: Path
    ) -> None:
        """Nothing is skipped: what was told meanwhile comes once the feed is whole again."""
        await self.change(simulator, 0)
        async with self.ledger(empty_ledger, events) as ledger:
            await ledger.poll()
            drift.drops = self.identifying
            later = await self.change(simulator, 1)
            before = len(self.of_stream(await ledger.lines()))

            with pytest.raises(Malformed):
                await ledger.poll()

            place = await Feeds(ledger.db).cursor("main", self.stream)
            assert place is not None and len(place.error) > 10
            assert len(self.of_stream(await ledger.lines())) == before
            drift.drops = ""
            await ledger.poll()
            assert later in {line.subject for line in self.of_stream(await ledger.lines())}
            place = await Feeds(ledger.db).cursor("main", self.stream)
            assert place is not None and place.error == ""

    async def test_a_record_that_says_too_little_is_set_aside_and_holds_up_no_other(
        self, events: EventsPort, simulator: Any, drift: Drift, empty_ledger: Path
    ) -> None:
        """After five tries, with its cause; its neighbours are taken in at once."""
        broken, sound = [await self.change(simulator, number) for number in range(2)]
        async with self.ledger(empty_ledger, events) as ledger:
            await ledger.poll()
            drift.drops, drift.about = self.needed, broken
            for _ in range(FAILURES_MAX):
                await ledger.take_in()
            lines = await ledger.lines()

        dead = [line for line in lines if line.subject == broken and line.kind]
        assert {(line.state, line.cause) for line in dead} == {(InboxState.DEAD, "Malformed")}
        assert all(len(line.error) > 10 and line.attempts == FAILURES_MAX for line in dead)
        others = [line for line in lines if line not in dead]
        assert sound in {line.subject for line in others}
        assert {line.state for line in others} <= SETTLED
