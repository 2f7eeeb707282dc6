"""Change feeds of one connection: what changed is stored with our place, gaps are filled (R55)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from temporalio import activity

from canonical.connections import Polling
from canonical.errors import CursorExpired, TielineError
from canonical.feeds import Cursor, Feeds
from canonical.inbound import BACKFILL_PRIORITY, Channel, InboundEvent, Refusal
from canonical.intake import ConnectionRef, Counted, Polled
from canonical.ports.events import ChangePage, EventsPort

PAGES_PER_POLL_MAX = 50
STORED_AT_ONCE = 200
BACKFILL_EVENTS_MAX = 200_000
# What a feed told just before the gap may not have been all of that moment.
OVERLAP = timedelta(minutes=5)
# A window is counted once it has settled, and not for a few minutes' sake.
SETTLED = timedelta(minutes=2)
WINDOW_MIN = timedelta(minutes=10)
WINDOW_MAX = timedelta(days=1)


class FeedActivities:
    """What is asked of one connection as a source of events, on that connection's queue.

    `refused` hands out what the source itself did not let in since it was last asked.
    """

    def __init__(
        self,
        port: EventsPort,
        connection: str,
        polling: Polling,
        feeds: Feeds,
        refused: Callable[[], Sequence[Refusal]] = lambda: (),
    ) -> None:
        self._port = port
        self._refused = refused
        self._connection = connection
        self._polling = polling
        self._feeds = feeds

    @activity.defn(name="intake.poll")
    async def poll(self, _: ConnectionRef) -> Polled:
        """Store what changed since the last poll, of each stream; a forgotten place is a gap, and
        the gap is filled from the records.

        A stream that fails holds up no other; what the first one failed of is raised at the end.
        """
        polled = Polled()
        failures: list[TielineError] = []
        for stream in self._port.streams():
            try:
                polled = _sum(polled, await self._follow(stream))
            except TielineError as error:
                await self._note(stream, error)
                failures.append(error)
        for refusal in self._refused():
            await self._feeds.refuse(refusal)
        if failures:
            raise failures[0]
        return polled

    @activity.defn(name="intake.count")
    async def count(self, _: ConnectionRef) -> Counted:
        """Hold the inbox against its source for the window since the last count; what is missing
        is fetched, and what is missing even then is on record."""
        told = missing = 0
        for stream in self._port.streams():
            window = await self._window(stream)
            if window is None:
                continue
            since, until = window
            census = await self._port.census(stream, since, until)
            lacking = await self._feeds.missing(self._connection, census)
            if lacking:
                await self._backfill(stream, since, until)
                lacking = await self._feeds.missing(self._connection, census)
            await self._feeds.counted(self._connection, stream, since, until, len(census), lacking)
            told, missing = told + len(census), missing + len(lacking)
        return Counted(told=told, missing=missing)

    async def _follow(self, stream: str) -> Polled:
        try:
            return await self._poll(stream)
        except CursorExpired:
            return await self._bridge(stream)

    async def _note(self, stream: str, error: TielineError) -> None:
        """Keep why a stream cannot be read, also of one that was never read: somebody is told once
        it has not been read for too long."""
        if await self._feeds.cursor(self._connection, stream) is None:
            begin = datetime.now(UTC) - timedelta(seconds=self._polling.lookback_seconds)
            page = ChangePage(events=[], cursor=self._start(stream), read_up_to=begin)
            await self._feeds.keep(self._connection, stream, page)
        await self._feeds.failed(self._connection, stream, str(error))

    async def _poll(self, stream: str) -> Polled:
        place = await self._feeds.cursor(self._connection, stream)
        cursor = place.cursor if place else self._start(stream)
        new = 0
        for _ in range(PAGES_PER_POLL_MAX):
            page = await self._port.changes(stream, cursor)
            new += await self._feeds.keep(self._connection, stream, page)
            activity.heartbeat(new)
            cursor = page.cursor
            if not page.more:
                return Polled(new=new)
        return Polled(new=new, more=True)

    def _start(self, stream: str) -> str:
        lookback = timedelta(seconds=self._polling.lookback_seconds)
        return self._port.start(stream, datetime.now(UTC) - lookback)

    async def _bridge(self, stream: str) -> Polled:
        place = await self._feeds.cursor(self._connection, stream)
        if place is None:
            raise CursorExpired(f"{stream} cannot be read from its beginning", about=stream)
        since, until = _gap(place), datetime.now(UTC)
        if not is_bridging(place):
            await self._feeds.expired(self._connection, stream, since)
        new = await self._backfill(stream, since, until)
        begin = self._port.start(stream, until - OVERLAP)
        page = ChangePage(events=[], cursor=begin, read_up_to=until)
        await self._feeds.keep(self._connection, stream, page)
        return Polled(backfilled=new, expired=[stream], more=True)

    async def _backfill(self, stream: str, since: datetime, until: datetime) -> int:
        return await fill_gap(
            self._port, self._feeds, stream, since, until, beat=activity.heartbeat
        )

    async def _window(self, stream: str) -> tuple[datetime, datetime] | None:
        place = await self._feeds.cursor(self._connection, stream)
        if place is None:
            return None
        last = await self._feeds.last_count(self._connection, stream)
        until = place.read_up_to - SETTLED
        since = last.until if last else until - WINDOW_MAX
        until = min(until, since + WINDOW_MAX)
        return (since, until) if until - since >= WINDOW_MIN else None


async def fill_gap(
    port: EventsPort,
    feeds: Feeds,
    stream: str,
    since: datetime,
    until: datetime,
    *,
    beat: Callable[[int], None] = lambda seen: None,
) -> int:
    """Store a hint of lowest priority for each record that changed in a window; how many were new.

    Raises CursorExpired when more changed than can be read in one go.
    """
    new = seen = 0
    chunk: list[InboundEvent] = []
    async for event in port.backfill(stream, since, until):
        late = {"channel": Channel.BACKFILL, "priority": BACKFILL_PRIORITY}
        chunk.append(event.model_copy(update=late))
        seen += 1
        if len(chunk) == STORED_AT_ONCE:
            new += await feeds.store(chunk)
            chunk = []
            beat(seen)
        if seen == BACKFILL_EVENTS_MAX:
            raise CursorExpired(f"more than {seen} records changed in the gap", about=stream)
    return new + (await feeds.store(chunk) if chunk else 0)


def _gap(place: Cursor) -> datetime:
    """Where the gap begins: a backfill that was interrupted begins where it began before."""
    begins = place.read_up_to - OVERLAP
    return min(begins, place.gap_from) if is_bridging(place) and place.gap_from else begins


def is_bridging(place: Cursor) -> bool:
    """Whether a gap was found here and not filled to its end: it is still the same gap."""
    return place.expired_at is not None and place.expired_at > place.polled_at


def _sum(one: Polled, other: Polled) -> Polled:
    return Polled(
        new=one.new + other.new,
        backfilled=one.backfilled + other.backfilled,
        expired=[*one.expired, *other.expired],
        more=one.more or other.more,
    )
