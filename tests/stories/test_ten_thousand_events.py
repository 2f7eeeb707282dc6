"""Ten thousand deliveries while everything fails in turn: each event has its effect once."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import pytest
from temporalio.client import Client

from canonical.events import OutboxEvent
from ledger.audit import verify
from ledger.database import Database
from ledger.events import EVENTS_PER_PAGE_MAX, read_events
from ledger.inbox import Inbox, InboxState
from ledger.views.inbox import ROWS_MAX, EventFilter, InboxLine, list_events
from simulators.sending import Mishaps
from tests.relay.broker import ids_in_stream, reader, running_broker
from tests.stories.storm import TOTAL_MINOR, Bill, Storm, storm_over
from tests.world import eventually, world
from tieline.devserver import dev_server, free_port
from tieline.rehearsal.credentials import Credentials
from tieline.settings import Settings
from tieline.temporal import plugin

DELIVERIES = 10_000
EVENTS_A_WAVE = 2_100  # four waves, a fifth of their messages twice: 10,080 sendings
POISON = 0.02
TROUBLE_AFTER = 700
GROWTH_BYTES_MAX = 24 * 2**20


@pytest.fixture
async def storm(tmp_path: Path, credentials: Credentials) -> AsyncIterator[Storm]:
    """Receiver, worker, relay, broker and Temporal, each a process with its own files."""
    port, file = free_port(), tmp_path / "temporal" / "temporal.db"
    address, plugins = f"127.0.0.1:{port}", [plugin(Settings())]
    client = await Client.connect(address, lazy=True, plugins=plugins)
    async with (
        running_broker(tmp_path / "nats") as broker,
        world(
            tmp_path,
            client,
            credentials,
            temporal_address=address,
            run_workers=False,
            webhooks_port=free_port(),
        ) as tieline,
        AsyncExitStack() as temporal,
    ):
        await temporal.enter_async_context(dev_server(file, port=port))
        tieline.billing.destination.secret = credentials.webhook_secret.read_text()
        tieline.billing.destination.url = (
            f"http://127.0.0.1:{tieline.settings.webhooks.port}/webhooks/billing"
        )
        async with storm_over(tieline, broker, temporal, file, port) as built:
            yield built


def mishaps(wave: int) -> Mishaps:
    """A fifth of the messages come twice, a fifth change places, a tenth come after all others."""
    return Mishaps(duplicate=0.2, reorder=0.2, late=0.1, seed=wave)


@pytest.mark.timeout(900)  # minutes, on a machine that does other things too
async def test_ten_thousand_deliveries_have_each_effect_once_whatever_fails_meanwhile(
    storm: Storm,
) -> None:
    """Stripe sends a day's invoices and payments, with duplicates, disorder and poison, while one
    part after the other goes down."""
    # When a first wave comes in on a quiet morning
    storm.books.happen(EVENTS_A_WAVE, poison=POISON)
    await storm.wave(mishaps(1))

    # And a second one while Temporal is down, in which the receiver is killed as well
    await storm.temporal_goes()
    storm.books.happen(EVENTS_A_WAVE, poison=POISON)
    await storm.wave(mishaps(2), then=storm.receiver.kill_and_start, after=TROUBLE_AFTER)
    await storm.temporal_comes()

    # And a third one, in which the receiver is killed again
    storm.books.happen(EVENTS_A_WAVE, poison=POISON)
    await storm.wave(mishaps(3), then=storm.receiver.kill_and_start, after=TROUBLE_AFTER)

    # And a last one, in which the broker goes down and comes back
    storm.books.happen(EVENTS_A_WAVE, poison=POISON)
    await storm.wave(mishaps(4), then=storm.restart_broker, after=TROUBLE_AFTER)

    # And Stripe sends again what was not acknowledged, until nothing waits any more
    await storm.deliver_the_rest()
    await eventually(storm.settled, seconds=180)

    # Then nothing that Stripe told was refused or lost, and all of it is settled
    assert storm.receiver.killed == 2
    assert not storm.tally.refused
    assert storm.tally.accepted >= DELIVERIES
    lines = await all_lines(storm.ledger)
    told = {one.id for one in storm.tieline.billing.account.events if one.attempts}
    assert {line.event_id for line in lines} == told and len(lines) == len(told)
    # What was stored and not answered, because the receiver died, was sent again.
    assert sum(line.deliveries for line in lines) >= storm.tally.accepted
    check_states(storm, lines)

    # And each event has exactly one effect: posted once, and what was paid told as it was
    effects = await all_events(storm.ledger)
    assert {event.environment for event in effects} == {"test"}
    check_effects(storm, effects)

    # And the stream has every canonical event once, the broker's restart notwithstanding
    wanted = sorted(event.id for event in effects)
    assert len(set(wanted)) == len(wanted)
    await eventually(lambda: has_all(storm, len(wanted)))
    assert sorted(await ids_in_stream(storm.broker)) == wanted

    # And the record of it all is whole, and the worker needs no more memory than at first
    report = await verify(storm.ledger)
    assert report.ok and report.rows > 0, report
    weights = storm.worker_bytes[len(storm.worker_bytes) // 4 :]
    grown = median(weights[-len(weights) // 4 :]) - median(weights[: len(weights) // 4])
    assert grown < GROWTH_BYTES_MAX, weights[::20]


def check_states(storm: Storm, lines: list[InboxLine]) -> None:
    """What is no record's is ignored, poison is dead with its cause, all else had its record read;
    what a newer read had overtaken is stale."""
    books = storm.books
    poison = books.broken | set(books.gone)
    states: dict[InboxState, list[InboxLine]] = defaultdict(list)
    for line in lines:
        states[line.state].append(line)
    assert set(states) <= set(InboxState) - {InboxState.PENDING, InboxState.DISPATCHED}
    assert all(not line.kind for line in states[InboxState.IGNORED])
    assert all(line.kind for line in lines if line.state is not InboxState.IGNORED)
    dead = states[InboxState.DEAD]
    assert {line.subject for line in dead} == poison
    assert {line.subject for line in lines if line.kind} == poison | set(books.bills)
    assert all(line.attempts >= 5 and line.error for line in dead)
    causes = {line.subject: line.cause for line in dead}
    assert {causes[one] for one in books.gone} == {"NotFound"}
    assert {causes[one] for one in books.broken} == {"Malformed"}
    assert len(dead) >= POISON * len(lines) - 8


def check_effects(storm: Storm, effects: list[OutboxEvent]) -> None:
    """Every good invoice is posted once; its payments grow to what was paid, in full at the end."""
    posted: dict[str, int] = defaultdict(int)
    payments: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for event in effects:
        invoice = event.subject.removeprefix("invoice/")
        if event.type == "invoice.posted":
            posted[invoice] += 1
        else:
            assert event.type == "payment.received"
            assert invoice in posted, "a payment was told before its invoice"
            payments[invoice].append((event.body["paid"]["amount_minor"], event.body["in_full"]))
    good = {number: bill for number, bill in storm.books.bills.items() if not bill.broken}
    assert dict(posted) == dict.fromkeys(good, 1)
    for number, bill in good.items():
        assert payments[number] in possible(bill), (number, bill, payments[number])


def possible(bill: Bill) -> list[list[tuple[int, bool]]]:
    """The payments that may be told of a bill: a part may have been overtaken by the whole."""
    if bill.paid < TOTAL_MINOR:
        return [[(bill.paid, False)] if bill.paid else []]
    whole = (TOTAL_MINOR, True)
    return [[whole], [(bill.part, False), whole]] if bill.part else [[whole]]


async def all_lines(ledger: Database) -> list[InboxLine]:
    """The whole inbox."""
    found: list[InboxLine] = []
    stored, first = sum((await Inbox(ledger).counts()).values()), 1
    while len(found) < stored:
        some = EventFilter(ids=list(range(first, first + ROWS_MAX)))
        found += await list_events(ledger, narrowed=some, limit=ROWS_MAX)
        first += ROWS_MAX
    return found


async def all_events(ledger: Database) -> list[OutboxEvent]:
    """The whole outbox."""
    found: list[OutboxEvent] = []
    while page := await read_events(
        ledger, found[-1].position if found else 0, EVENTS_PER_PAGE_MAX
    ):
        found += page
    return found


async def has_all(storm: Storm, events: int) -> bool:
    """Whether the stream holds so many messages."""
    async with reader(storm.broker) as js:
        return (await js.stream_info("TIELINE")).state.messages >= events
