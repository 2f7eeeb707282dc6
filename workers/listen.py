"""Listens to a connection's event bus: pages are stored with our place, gaps are bridged."""

import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta

from activities.feeds import fill_gap, is_bridging
from adapters.registry import Listener, connect_events, connect_listener
from canonical.connections import Connection
from canonical.errors import CursorExpired, Misconfigured, TielineError, Transient
from canonical.ports import ChangePage, EventsPort
from governance.source import CatalogueSource
from ledger.database import Database
from ledger.feeds import Feeds
from ledger.migrate import upgrade
from tieline.settings import Settings

BACKOFF_SECONDS_MIN = 1.0
BACKOFF_SECONDS_MAX = 60.0
# What the bus told just before the gap may not have been all of that moment.
OVERLAP = timedelta(minutes=10)
# Before anything was heard, what the bus has lost may be as old as what it keeps.
FIRST_GAP = timedelta(days=3)
log = logging.getLogger(__name__)


async def run_listener(settings: Settings, name: str, stop: asyncio.Event) -> None:
    """Listen to the bus of a connection until `stop`; what is being stored is finished.

    Raises Misconfigured for a connection without a bus, or without the extra it needs.
    """
    connection = settings.connections.get(name)
    if connection is None:
        raise Misconfigured(f"there is no connection {name}", about=name)
    async with AsyncExitStack() as stack:
        upgrade(settings.ledger_url)
        database = Database.open(settings.ledger_url)
        stack.push_async_callback(database.close)
        catalogue = CatalogueSource(settings.catalogue)
        feeds = Feeds(
            database, priority_of=lambda kind: catalogue.current().events.priority_of(kind)
        )
        bus, records = connect_listener(connection), connect_events(connection)
        stack.push_async_callback(bus.aclose)
        if records is None:
            raise Misconfigured(f"{name} cannot be read to fill a gap", about=name)
        stack.push_async_callback(records.aclose)
        ear = _Ear(connection, bus, records, feeds)
        listening = asyncio.create_task(ear.listen_on())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


class _Ear:
    def __init__(
        self, connection: Connection, bus: Listener, records: EventsPort, feeds: Feeds
    ) -> None:
        self._name = connection.name
        self._bus = bus
        self._records = records
        self._feeds = feeds
        self._failures = 0
        self._heard = self._in_vain = False

    async def listen_on(self) -> None:
        """Listen again whenever the bus breaks off, and bridge what it has lost.

        From when on it listened is on record before anything is heard: a listener that never hears
        anything falls behind like any other. What a person has to repair ends it then; later it
        waits.
        """
        resume: str | None = None
        while True:
            try:
                resume = await self._listen_or_bridge(resume)
            except TielineError as error:
                if not (isinstance(error, Transient) or self._heard):
                    await self._say(error)
                    raise
                await self._wait(error)
                resume = None

    async def _listen_or_bridge(self, resume: str | None) -> str | None:
        try:
            await self._listen(resume)
        except CursorExpired as error:
            if self._in_vain:
                await self._wait(error)
            return await self._bridged(error)
        return None

    async def _listen(self, resume: str | None) -> None:
        place = await self._feeds.listened(self._name, self._bus.topic)
        cursor = resume if resume is not None else place.cursor or None
        async with aclosing(self._bus.listen(cursor)) as pages:
            async for page in pages:
                new = await asyncio.shield(self._feeds.keep(self._name, self._bus.topic, page))
                self._failures, self._heard, self._in_vain = 0, True, False
                if new:
                    log.info("%s told %d new changes", self._name, new)

    async def _wait(self, error: TielineError) -> None:
        self._failures += 1
        seconds = min(BACKOFF_SECONDS_MIN * 2.0 ** (self._failures - 1), BACKOFF_SECONDS_MAX)
        seconds = max(seconds, error.retry_after_seconds or 0.0)
        log.warning("%s is not heard, again in %.0f s: %s", self._name, seconds, error)
        await self._say(error)
        await asyncio.sleep(seconds)

    async def _say(self, error: TielineError) -> None:
        with contextlib.suppress(TielineError):  # it may be the ledger that is away
            await self._feeds.failed(self._name, self._bus.topic, str(error))

    async def _bridged(self, error: CursorExpired) -> str | None:
        """Fill the gap from the records; the cursor behind the loss, if the bus says it."""
        now = datetime.now(UTC)
        place = await self._feeds.listened(self._name, self._bus.topic)
        unheard = place.read_up_to == place.heard_since
        since = place.read_up_to - (FIRST_GAP if unheard else OVERLAP)
        log.warning("%s has lost our place; reading what changed since %s", self._name, since)
        resume: str | None = error.details.get("resume")
        forgotten = ChangePage(events=[], cursor=resume or "", read_up_to=now)
        if not is_bridging(place):
            await self._feeds.expired(self._name, self._bus.topic, since)
        [stream, *_] = self._records.streams()
        await fill_gap(self._records, self._feeds, stream, since, now)
        await self._feeds.keep(self._name, self._bus.topic, forgotten)
        # Should this place be lost as well before anything is heard, it is not bridged in a rush.
        self._in_vain = resume is None
        return resume
