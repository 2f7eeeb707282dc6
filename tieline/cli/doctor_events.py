"""What the doctor looks at of events: feeds that are read, schedules that ask, who takes them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial

from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode

from adapters.registry import connect_listener
from canonical.connections import Connection
from canonical.errors import CursorBehind, Misconfigured, NotFound, TielineError, Unavailable
from ledger.clock import utc_now
from ledger.database import Database
from ledger.views.intake import FeedView, show_feeds
from ledger.views.outbox import RelayLine, list_relays
from starters.schedules import Planned, planned
from tieline.cli.finding import CHECK_SECONDS, Finding, checked
from tieline.settings import Settings
from workers.courier import TARGET as PROCESSES

# A target that moves takes its next event within a second.
MOVES_WITHIN = timedelta(minutes=5)
BUS_OPTIONS = "pubsub_"


async def of_the_ledger(settings: Settings) -> AsyncIterator[Finding]:
    """How far each feed was read, and how far each target of the outbox has got."""
    now = utc_now()
    database = Database.open(settings.ledger_url)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            feeds = await show_feeds(database, settings.polling, now)
            relays = {one.name: one for one in await list_relays(database)}
    except (TielineError, TimeoutError) as error:
        yield Finding("feeds and relay", False, f"the ledger does not say: {error}")
        return
    finally:
        await database.close()
    for feed in feeds:
        polling = settings.polling.get(feed.connection)
        if polling is not None and (polling.every_seconds or is_heard(feed)):
            name = f"feed {feed.connection}/{feed.stream}".rstrip("/")
            yield await checked(name, partial(_feed, feed))
    for target in [PROCESSES, *settings.relay_targets]:
        known = relays.get(target)
        yield await checked(f"relay {target}", partial(_relay, target, known, now))


async def of_temporal(client: Client, settings: Settings) -> AsyncIterator[Finding]:
    """Whether Temporal has the schedules that ask connections what changed, and the watch's."""
    for one in planned(settings.polling):
        if one.every is not None:
            name = f"schedule {one.schedule_id}"
            yield await checked(name, partial(_schedule, client, one))


def is_heard(feed: FeedView) -> bool:
    """Whether somebody has listened to it, rather than asked."""
    return feed.place is not None and feed.place.heard_since is not None


def has_bus(connection: Connection) -> bool:
    """Whether the settings speak of the connection's event bus."""
    return any(option.startswith(BUS_OPTIONS) for option in connection.options)


async def bus(connection: Connection) -> str:
    """Whether the bus could be listened to; raises Misconfigured without the extra it needs."""
    listener = connect_listener(connection)
    await listener.aclose()
    return f"`tieline listen --connection {connection.name}` can hear {listener.topic}"


async def _feed(feed: FeedView) -> str:
    place = feed.place
    if place is None:
        raise NotFound("never read; start `tieline worker`, which asks what changed")
    said = f"; {place.error}" if place.error else ""
    since = f"{place.read_up_to:%Y-%m-%d %H:%M}Z"
    if feed.behind:
        remedy = (
            f"see that `tieline listen --connection {feed.connection}` runs"
            if is_heard(feed)
            else f"see that a worker serves {feed.connection} and that its schedule is not paused"
        )
        raise CursorBehind(f"last read up to {since}{said}; {remedy}")
    if said:
        raise Unavailable(f"read up to {since}, and the last try failed{said}")
    return f"read up to {since}"


async def _relay(target: str, line: RelayLine | None, now: datetime) -> str:
    starts = "tieline worker" if target == PROCESSES else "tieline relay"
    if line is None:
        raise NotFound(f"never relayed to; start `{starts}`")
    if line.stopped_at is not None:
        raise Unavailable(
            f"wants no more since {line.stopped_at:%Y-%m-%d %H:%M}Z, and {line.behind} events "
            f"wait; once it is well again: `tieline events resume {target}`"
        )
    if line.failing_since is not None:
        raise Unavailable(
            f"takes nothing since {line.failing_since:%Y-%m-%d %H:%M}Z, and {line.behind} events "
            f"wait: {line.error}"
        )
    oldest = line.oldest_at
    if oldest is not None and max(oldest, line.moved_at) < now - MOVES_WITHIN:
        raise Unavailable(f"{line.behind} events wait, and nothing moves; start `{starts}`")
    dead = f", {line.dead} set aside (`tieline events deliveries --dead`)" if line.dead else ""
    return f"{line.behind} events wait, {line.pending} parked{dead}"


async def _schedule(client: Client, one: Planned) -> str:
    try:
        found = await client.get_schedule_handle(one.schedule_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise NotFound("not in Temporal; start `tieline worker`, which makes it") from None
    state = found.schedule.state
    if state.paused:
        raise Misconfigured(
            f"paused ({state.note or 'no note'}), so nothing is asked; resume it in the Web UI, or "
            f"run: temporal schedule toggle --unpause --schedule-id {one.schedule_id}"
        )
    every = _every(found)
    if every != one.every:
        raise Misconfigured(f"every {every}, the settings say {one.every}; restart the workers")
    return f"every {every}"


def _every(found: ScheduleDescription) -> timedelta | None:
    intervals = found.schedule.spec.intervals
    return intervals[0].every if intervals else None
