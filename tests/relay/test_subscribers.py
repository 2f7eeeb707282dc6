"""Subscribers get signed events; what one does not take never blocks what follows it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook
from starlette.responses import RedirectResponse, Response
from svix.webhooks import Webhook as SvixWebhook
from svix.webhooks import WebhookVerificationError as SvixRefused

from adapters.webhooks import Subscriber, WebhookEndpoint
from canonical.ports import Delivery
from domain.redelivery import Patience
from ledger.database import Database
from ledger.relay import DeliveryState, SqlRelay, resume
from ledger.scopes import Lease
from ledger.views.outbox import DeliveryLine, list_deliveries, list_relays
from tests.ledger.clocks import Clock
from tests.relay.events import SECRET, ids, posted, relaying, secret_file, settings, until, write
from tests.relay.hub import Hub, listening
from tieline.devserver import free_port
from workers.relay_targets import SubscriberTarget


@pytest.fixture
def hub() -> Hub:
    """A hub that takes everything."""
    return Hub()


@pytest.fixture
async def hub_url(hub: Hub) -> AsyncIterator[str]:
    """Where it listens."""
    async with listening(hub) as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    """The relay's clock."""
    return Clock()


def target(db: Database, url: str, clock: Clock, **changes: Any) -> SubscriberTarget:
    """The relay to the hub, step by step; it tries again by the story's clock."""
    timeout = changes.pop("timeout_seconds", 5.0)
    subscriber = Subscriber(
        name="finance-hub", url=url, secret=SECRET, allow_private=True, timeout_seconds=timeout
    )
    given: dict[str, Any] = {"types": ["*"], "legal_entities": [], "concurrent": 8, "batch": 100}
    given |= {"poll_seconds": 0.02, "chance": lambda: 0.5, **changes}
    relay = SqlRelay(db, "finance-hub", Lease("test", 1e9), clock=clock)
    return SubscriberTarget(db, relay, WebhookEndpoint(subscriber), **given)


async def steps(relay_to: SubscriberTarget, clock: Clock, count: int) -> int:
    """So many steps with six hours in between; the position reached."""
    position = (await relay_to.relay.begin()).position
    for _ in range(count):
        position = (await relay_to.step(position, asyncio.Event())).position
        clock.advance(6 * 3600)
    await relay_to.aclose()
    return position


async def parked(db: Database) -> DeliveryLine:
    """The only event that was not taken at once."""
    (line,) = await list_deliveries(db)
    return line


async def got(hub: Hub, count: int) -> bool:
    """Whether the hub has taken so many."""
    return len(hub.taken) >= count


async def test_what_we_send_is_verified_by_the_libraries_that_subscribers_use(
    db: Database, url: str, hub: Hub, hub_url: str, tmp_path: Any
) -> None:
    """standardwebhooks and svix accept signature, id and time; the body is the CloudEvent."""
    outbox = await write(db, posted(1))
    chosen = {"url": hub_url, "secret": secret_file(tmp_path), "allow_private": True}

    async with relaying(settings(url, subscribers={"finance-hub": chosen})):
        await until(lambda: got(hub, 1))

    (body,), (headers,) = hub.bodies, hub.headers
    assert Webhook(SECRET).verify(body, headers) == outbox[0].cloud_event()
    SvixWebhook(SECRET).verify(body, headers)  # answers nothing, and raises for what follows
    with pytest.raises(SvixRefused):
        SvixWebhook(SECRET).verify(body.replace(b"INV-1", b"INV-9"), headers)
    assert headers["webhook-id"] == "ev-00001"
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert headers["host"] == hub_url.split("/")[2]


async def test_a_subscriber_gets_its_types_and_legal_entities_only(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """Who has subscribed for one legal entity never sees another's, nor an event of none."""
    await write(
        db,
        posted(1),
        posted(2, type="case.escalated"),
        posted(3, legal_entity="GLOBEX-DE"),
        posted(4, legal_entity=""),
        posted(5, type="invoice.overdue"),
    )
    relay_to = target(db, hub_url, clock, types=["invoice.*"], legal_entities=["GLOBEX-US"])

    assert await steps(relay_to, clock, 1) == 5

    assert sorted(hub.taken) == ["ev-00001", "ev-00005"]


async def test_events_about_one_subject_arrive_in_their_order(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """Whatever is sent beside them."""
    hub.delay_seconds = 0.002
    await write(db, *(posted(n, subject=f"invoice/in_{n % 3}") for n in range(1, 31)))

    await steps(target(db, hub_url, clock), clock, 1)

    for rest in range(3):
        of_one = [name for name in hub.taken if int(name[3:]) % 3 == rest]
        assert len(of_one) == 10
        assert of_one == sorted(of_one)


async def test_poison_ends_in_the_dead_letter_and_what_follows_is_delivered(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """Twelve attempts within a day, then its cause is on record."""
    hub.answer = lambda event_id, _: 500 if event_id == "ev-00002" else 200
    await write(db, *(posted(number) for number in range(1, 6)))
    relay_to = target(db, hub_url, clock)
    position = (await relay_to.relay.begin()).position

    first = await relay_to.step(position, asyncio.Event())

    assert first.position == 5
    assert sorted(hub.taken) == ["ev-00001", "ev-00003", "ev-00004", "ev-00005"]
    waiting = await parked(db)
    assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 1)
    assert waiting.due_at == clock.now + timedelta(seconds=10)

    began = clock.now
    while (line := await parked(db)).state is DeliveryState.PENDING:
        clock.now = line.due_at
        await relay_to.step(5, asyncio.Event())
    await relay_to.aclose()

    assert hub.came["ev-00002"] == 12
    assert timedelta(hours=22) < clock.now - began < timedelta(hours=25)
    assert (line.state, line.cause, line.last_status) == (DeliveryState.DEAD, "http_500", 500)


@pytest.mark.parametrize(
    ("status", "attempts"), [(400, 6), (404, 6), (302, 12), (429, 12), (409, 12), (503, 12)]
)
async def test_a_refusal_is_given_up_sooner_than_a_failure(
    db: Database, hub: Hub, hub_url: str, clock: Clock, status: int, attempts: int
) -> None:
    """A 4xx that no other moment lifts is tried six times, everything else twelve."""
    hub.answer = lambda *_: status
    await write(db, posted(1))

    await steps(target(db, hub_url, clock), clock, 20)

    dead = await parked(db)
    assert (dead.state, dead.cause) == (DeliveryState.DEAD, f"http_{status}")
    assert (dead.attempts, hub.came["ev-00001"]) == (attempts, attempts)


async def test_a_redirect_is_a_failure_and_is_not_followed(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """Where it leads to gets nothing."""
    elsewhere = hub_url.replace("/tieline", "/elsewhere")
    hub.answer = lambda *_: RedirectResponse(elsewhere, 307)
    await write(db, posted(1))

    await steps(target(db, hub_url, clock), clock, 1)

    assert (await parked(db)).cause == "http_307"
    assert len(hub.bodies) == 1


async def test_a_subscriber_that_asks_for_time_gets_it(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """Retry-After of a quarter of an hour, instead of ten seconds."""
    hub.answer = lambda *_: Response(status_code=429, headers={"Retry-After": "900"})
    await write(db, posted(1))
    began = clock.now

    await steps(target(db, hub_url, clock), clock, 1)

    assert (await parked(db)).due_at == began + timedelta(seconds=900)


async def test_a_slow_subscriber_is_cut_off_and_gets_the_event_later(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """A delivery without an answer in time may have arrived, so the id stays the same."""
    hub.delay_seconds = 0.5
    await write(db, posted(1))
    relay_to = target(db, hub_url, clock, timeout_seconds=0.1)
    await relay_to.relay.begin()
    await relay_to.step(0, asyncio.Event())
    await relay_to.aclose()
    assert (await parked(db)).cause == "OutcomeUnknown"

    hub.delay_seconds = 0.0
    clock.advance(60)
    await steps(target(db, hub_url, clock), clock, 1)

    line = await parked(db)
    assert (line.state, line.attempts, line.last_status) == (DeliveryState.DELIVERED, 2, 204)
    assert set(hub.came) == {"ev-00001"}


async def test_a_subscriber_that_is_down_is_on_record_and_gets_everything_once_it_is_up(
    db: Database, clock: Clock
) -> None:
    """Steps become rarer while nothing at all is taken."""
    await write(db, *(posted(number) for number in range(1, 6)))
    port = free_port()
    relay_to = target(db, f"http://127.0.0.1:{port}/tieline", clock, batch=3)
    await relay_to.relay.begin()

    waits, position = [], 0
    for _ in range(3):
        step = await relay_to.step(position, asyncio.Event())
        waits.append(step.wait_seconds)
        position = step.position
        clock.advance(11)
    (line,) = await list_relays(db)
    assert (line.pending, line.failing_since is not None) == (5, True)
    assert waits == [0.04, 0.08, 0.16]

    hub = Hub()
    clock.advance(3600)
    async with listening(hub, port):
        await relay_to.step(position, asyncio.Event())
    await relay_to.aclose()

    assert sorted(hub.taken) == ids(5)
    (line,) = await list_relays(db)
    assert (line.pending, line.error, line.failing_since) == (0, "", None)


async def test_a_slow_subscriber_does_not_hold_up_another(
    db: Database, url: str, hub: Hub, hub_url: str, tmp_path: Any
) -> None:
    """Each target goes at its own pace."""
    await write(db, *(posted(number) for number in range(1, 21)))
    common = {"secret": secret_file(tmp_path), "allow_private": True}
    slow = Hub(delay_seconds=0.4)
    async with listening(slow) as slow_url:
        chosen = {
            "archive": {"url": slow_url, "concurrent": 1, **common},
            "finance-hub": {"url": hub_url, **common},
        }
        async with relaying(settings(url, subscribers=chosen)):
            await until(lambda: got(hub, 20))
            assert len(slow.taken) < 20


async def test_410_stops_a_subscriber_and_a_person_lets_it_go_on_where_it_was(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """No event is counted as delivered, parked or lost by it."""
    hub.answer = lambda event_id, _: 410 if event_id >= "ev-00003" else 200
    await write(db, *(posted(number) for number in range(1, 6)))
    relay_to = target(db, hub_url, clock, concurrent=1)
    await relay_to.relay.begin()

    step = await relay_to.step(0, asyncio.Event())

    assert (step.stopped, step.position) == (True, 2)
    (line,) = await list_relays(db)
    assert line.stopped_at == clock.now
    assert "wants no more events" in line.error
    assert await list_deliveries(db) == []
    assert "ev-00004" not in hub.came

    hub.answer = lambda *_: 200
    assert await resume(db, "finance-hub", "Ada", "the endpoint is back")
    assert not await resume(db, "finance-hub", "Ada", "twice")
    again = await relay_to.relay.begin()
    assert again.stopped_at is None
    await relay_to.step(again.position, asyncio.Event())
    await relay_to.aclose()
    assert hub.taken == ids(5)


async def test_what_was_not_tried_when_the_relay_is_stopped_stays_in_the_outbox(
    db: Database, hub: Hub, hub_url: str, clock: Clock
) -> None:
    """The position is that of the last event before it."""
    await write(db, *(posted(number) for number in range(1, 6)))
    stop = asyncio.Event()

    def stop_at_second(event_id: str, _: int) -> int:
        if event_id == "ev-00002":
            stop.set()
        return 200

    hub.answer = stop_at_second
    relay_to = target(db, hub_url, clock, concurrent=1)
    await relay_to.relay.begin()

    step = await relay_to.step(0, stop)
    await relay_to.aclose()

    assert (step.position, hub.taken) == (2, ids(2))


async def test_a_new_subscriber_may_begin_with_what_comes(
    db: Database, url: str, hub: Hub, hub_url: str, tmp_path: Any
) -> None:
    """With `start = "now"` it gets nothing of the past."""
    await write(db, posted(1), posted(2))
    chosen = {"url": hub_url, "secret": secret_file(tmp_path), "allow_private": True}

    async with relaying(settings(url, subscribers={"finance-hub": {**chosen, "start": "now"}})):
        await until(lambda: begun(db))
        await write(db, posted(3))
        await until(lambda: got(hub, 1))

    assert hub.taken == ["ev-00003"]


async def begun(db: Database) -> bool:
    """Whether there is a relay."""
    return len(await list_relays(db)) == 1


def test_patience_spreads_what_failed_together() -> None:
    """A tenth more or less by chance."""
    failed = Delivery(cause="http_500")
    waits = [Patience().next_after(1, failed, chance) for chance in (0.0, 0.5, 1.0)]

    assert [wait.total_seconds() for wait in waits if wait] == [9.0, 10.0, 11.0]
