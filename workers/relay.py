"""Relays the outbox: each target on its own, one relay a target, at least once, in order."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from adapters.http.secrets import resolve
from adapters.nats import JetStream, StreamPlace
from adapters.webhooks import Subscriber, WebhookEndpoint
from canonical.errors import Busy, Misconfigured, NeedsPerson, Terminal, TielineError
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.migrate import upgrade
from ledger.relay import SqlRelay
from ledger.scopes import Lease
from tieline.settings import STREAM_TARGET, NatsStream, Settings, Subscription
from workers.relay_targets import StreamTarget, SubscriberTarget, Target

BACKOFF_SECONDS_MIN = 0.5
BACKOFF_SECONDS_MAX = 30.0
STANDBY_SECONDS = 1.0
DAY_SECONDS = 86_400.0
log = logging.getLogger(__name__)


async def run_relay(
    settings: Settings, stop: asyncio.Event, ready: asyncio.Event | None = None
) -> None:
    """Relay until `stop` is set; what is under way is finished and its position saved.

    A target that fails is tried again and holds up no other. Raises Misconfigured when there is no
    target, or a secret is missing.
    """
    if not settings.relay_targets:
        raise Misconfigured(
            "there is nothing to relay to: add [relay.nats] or [subscribers.NAME] to tieline.toml"
        )
    async with relay_targets(settings) as targets:
        log.info("relay to %s", ", ".join(target.relay.name for target in targets))
        if ready is not None:
            ready.set()
        async with asyncio.TaskGroup() as group:
            for target in targets:
                group.create_task(keep_relaying(target, stop))


@asynccontextmanager
async def relay_targets(settings: Settings) -> AsyncIterator[list[Target]]:
    """Every target that the settings name, over an open ledger."""
    async with AsyncExitStack() as stack:
        upgrade(settings.ledger_url)
        database = Database.open(settings.ledger_url)
        stack.push_async_callback(database.close)
        targets = []
        for name in settings.relay_targets:
            target = _target(settings, database, name)
            stack.push_async_callback(target.aclose)
            targets.append(target)
        yield targets


async def keep_relaying(target: Target, stop: asyncio.Event) -> None:
    """Relay to one target until `stop`, whatever fails meanwhile."""
    failures, said = 0, ""
    while not stop.is_set():
        try:
            await _relay(target, stop)
            failures = 0
        except Busy:  # another relay has it
            await _wait(stop, STANDBY_SECONDS)
        except TielineError as error:
            if str(error) != said:
                said = str(error)
                log.warning("relay to %s waits: %s", target.relay.name, said)
            with contextlib.suppress(TielineError):
                await target.relay.failing(said)
            failures += 1
            await _wait(stop, _backoff(error, failures))


def _backoff(error: TielineError, failures: int) -> float:
    """What a person has to repair is not asked for more often than need be."""
    if isinstance(error, Terminal | NeedsPerson):
        return BACKOFF_SECONDS_MAX
    return min(BACKOFF_SECONDS_MIN * 2.0 ** min(failures - 1, 10), BACKOFF_SECONDS_MAX)


async def _relay(target: Target, stop: asyncio.Event) -> None:
    standing = await target.relay.begin(from_now=target.from_now)
    position, stopped = standing.position, standing.stopped_at is not None
    async with _tenure(target.relay):
        while not stop.is_set() and not stopped:
            step = await target.step(position, stop)
            position, stopped = step.position, step.stopped
            if stopped:
                log.warning("relay to %s stops: it wants no more events", target.relay.name)
            await _wait(stop, step.wait_seconds)
    if stopped:  # until somebody resumes it
        await _wait(stop, BACKOFF_SECONDS_MAX / 6)


@asynccontextmanager
async def _tenure(relay: SqlRelay) -> AsyncIterator[None]:
    """Keep the lease alive meanwhile, and give it back at the end."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(relay.lease.seconds / 3)
            # Should it be lost, saving the position says so.
            with contextlib.suppress(TielineError):
                await relay.renew()

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        with contextlib.suppress(TielineError):
            await relay.release()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


def _target(settings: Settings, database: Database, name: str) -> Target:
    ours = settings.relay
    relay = SqlRelay(database, name, Lease(f"relay-{uuid4().hex}", ours.lease_seconds))
    if name == STREAM_TARGET:
        publisher = stream_publisher(settings)
        return StreamTarget(database, relay, publisher, ours.batch, ours.poll_seconds)
    chosen = settings.subscribers[name]
    return SubscriberTarget(
        database,
        relay,
        subscriber_endpoint(settings, name),
        chosen.types,
        chosen.legal_entities,
        chosen.concurrent,
        ours.batch,
        ours.poll_seconds,
        from_now=chosen.start == "now",
    )


def stream_publisher(settings: Settings) -> JetStream:
    """The configured stream; raises Misconfigured when there is none, or no secret."""
    chosen = settings.relay.nats
    if chosen is None:
        raise Misconfigured("no stream is configured: add [relay.nats] to tieline.toml")
    return JetStream(
        StreamPlace(
            url=chosen.url,
            stream=chosen.stream,
            subject_prefix=chosen.subject_prefix,
            retention_seconds=_retention_days(settings, chosen) * DAY_SECONDS,
            duplicate_window_seconds=chosen.duplicate_window_seconds,
            replicas=chosen.replicas,
            credentials=resolve(chosen.credentials) if chosen.credentials else "",
        )
    )


def _retention_days(settings: Settings, chosen: NatsStream) -> int:
    if chosen.retention_days:
        return chosen.retention_days
    declared = load_catalogue(settings.catalogue).events.events.values()
    return max((event.retention_days for event in declared), default=0)


def subscriber_endpoint(settings: Settings, name: str) -> WebhookEndpoint:
    """A subscriber by its name; raises Misconfigured when there is none, or no secret."""
    chosen: Subscription | None = settings.subscribers.get(name)
    if chosen is None:
        known = ", ".join(settings.relay_targets) or "none"
        raise Misconfigured(f"no target is called {name!r}; there are {known}", about=name)
    return WebhookEndpoint(
        Subscriber(
            name=name,
            url=str(chosen.url),
            secret=resolve(chosen.secret),
            environment=settings.environment,
            allow_private=chosen.allow_private,
            timeout_seconds=chosen.timeout_seconds,
            concurrent=chosen.concurrent,
        )
    )
