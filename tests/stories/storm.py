"""Thousands of invoices and payments in a simulated Stripe, and the processes that take them in."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil

from ledger.database import Database
from ledger.inbox import Inbox
from simulators.sending import Mishaps
from simulators.stripe import StripeSimulator, customers, invoices
from simulators.stripe.store import API_VERSION, Call, Told
from tests.relay.broker import Broker
from tests.stories.intake import accepts
from tests.world import World, eventually
from tieline.children import child, spawn, stop, tieline_command
from tieline.devserver import dev_server

CUSTOMERS = 100
TOTAL_MINOR, PART_MINOR = 120_000, 20_000
# Of a hundred invoices so many are: not paid, paid in part, paid in full, paid in two parts.
LIVES = (40, 20, 28, 12)
EVENTS_A_SECOND = 25  # of the account's time; what happens within one second has one version
SAMPLES_APART_SECONDS = 0.25


@dataclass
class Bill:
    """What an invoice is at the end: what was paid in part first, and all that was paid."""

    part: int = 0
    paid: int = 0
    broken: bool = False


@dataclass
class Books:
    """A billing department that writes invoices and gets payments, a wave of them at a time."""

    simulator: StripeSimulator
    bills: dict[str, Bill] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(4711))

    def happen(self, events: int, *, poison: float = 0.0) -> None:
        """Bill and get paid until so many more events are told; a share of them is poison."""
        before, bad = len(self.simulator.account.events), int(events * poison)
        for number in range(bad // 2):
            self._tell_of_nothing(number)
        for _ in range(bad // 4):  # each is told twice: made, and finalized
            self._break(self._bill())
        while len(self.simulator.account.events) < before + events:
            self._live(self._bill())

    @property
    def broken(self) -> set[str]:
        """Invoices that nobody can make sense of."""
        return {number for number, bill in self.bills.items() if bill.broken}

    def _bill(self) -> str:
        account = self.simulator.account
        if len(self.customers) < CUSTOMERS:
            made = customers.create(account, Call((), {"name": f"Globex {len(self.customers)}"}))
            self.customers.append(str(made["id"]))
        customer = self.chance.choice(self.customers)
        item = {"customer": customer, "currency": "usd", "amount": str(TOTAL_MINOR)}
        invoices.create_item(account, Call((), item))
        invoice = invoices.create(account, Call((), {
            "customer": customer, "collection_method": "send_invoice", "days_until_due": "30",
            "pending_invoice_items_behavior": "include",
        }))  # fmt: skip
        number = str(invoices.finalize(account, Call((), {}), invoice)["id"])
        self.bills[number] = Bill()
        return number

    def _live(self, number: str) -> None:
        bill = self.bills[number]
        (life,) = self.chance.choices(range(len(LIVES)), LIVES)
        if life in (1, 3):
            self.simulator.happen(number, "pay", amount=PART_MINOR)
            bill.part = bill.paid = PART_MINOR
        if life in (2, 3):
            self._tick()
            self.simulator.happen(number, "pay")
            bill.paid = TOTAL_MINOR
        self._tick()

    def _tick(self) -> None:
        if self.chance.randrange(EVENTS_A_SECOND) == 0:
            self.simulator.advanced_seconds += 1

    def _break(self, number: str) -> None:
        del self.simulator.account.invoices.need(number)["status_transitions"]
        self.bills[number].broken = True

    def _tell_of_nothing(self, number: int) -> None:
        account = self.simulator.account
        invoice = f"in_gone{len(self.gone):04d}"
        event: dict[str, Any] = {
            "id": account.ids.next("evt"), "object": "event", "api_version": API_VERSION,
            "created": account.now(), "data": {"object": {"id": invoice, "object": "invoice"}},
            "livemode": False, "pending_webhooks": 0, "type": "invoice.paid",
            "request": {"id": None, "idempotency_key": None},
        }  # fmt: skip
        raw = orjson.dumps(event)
        account.events.append(Told(event["id"], event["type"], event["created"], raw, True))
        self.gone.append(invoice)


@dataclass
class Receiver:
    """`tieline webhooks`, which may be killed at any moment and started again."""

    config: Path
    port: int
    process: asyncio.subprocess.Process | None = None
    killed: int = 0

    async def start(self) -> None:
        """Start it and wait until it accepts."""
        log = self.config.with_name("webhooks.log")
        self.process = await spawn(tieline_command(self.config, "webhooks"), log)
        await eventually(lambda: accepts(self.port))

    async def kill_and_start(self) -> None:
        """End it as a machine does that loses its power, and start another in its place."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.killed += 1
        await self.start()

    async def stop(self) -> None:
        """End it in order."""
        if self.process is not None:
            await stop(self.process)


@dataclass
class Tally:
    """What the senders were told: each sending's answer; 0 where there was none."""

    sent: int = 0
    accepted: int = 0
    refused: set[int] = field(default_factory=set)

    def add(self, statuses: list[int]) -> None:
        """Count the answers of a delivery."""
        self.sent += len(statuses)
        self.accepted += sum(status == 202 for status in statuses)
        self.refused |= {status for status in statuses if status not in (0, 202, 503)}


@dataclass
class Storm:
    """A house of real processes, and what goes wrong in it."""

    tieline: World
    books: Books
    receiver: Receiver
    broker: Broker
    temporal: AsyncExitStack
    temporal_file: Path
    temporal_port: int
    tally: Tally = field(default_factory=Tally)
    worker_bytes: list[int] = field(default_factory=list)

    @property
    def ledger(self) -> Database:
        """The ledger, as seen from outside the processes."""
        return self.tieline.house.database

    async def wave(self, mishaps: Mishaps, *, then: Any = None, after: int = 0) -> None:
        """Deliver what waits; once so many more events are stored, something happens."""
        before = sum((await Inbox(self.ledger).counts()).values())

        async def meanwhile() -> None:
            await eventually(lambda: self._stored(before + after))
            await then()

        trouble = asyncio.create_task(meanwhile()) if then else None
        self.tally.add(await self.tieline.billing.deliver(mishaps))
        if trouble is not None:
            await trouble

    async def deliver_the_rest(self) -> None:
        """Send again what nobody has acknowledged, as Stripe does for three days."""
        while any(told.pending for told in self.tieline.billing.account.remembered()):
            self.tally.add(await self.tieline.billing.deliver())

    async def restart_broker(self) -> None:
        """NATS goes down without a word and comes back over its store."""
        self.broker.kill()
        await asyncio.sleep(0.05)
        await self.broker.start()

    async def temporal_goes(self) -> None:
        """Temporal is down from now on."""
        await self.temporal.aclose()

    async def temporal_comes(self) -> None:
        """Temporal is back, with all that it knew."""
        await self.temporal.enter_async_context(
            dev_server(self.temporal_file, port=self.temporal_port)
        )

    async def settled(self) -> bool:
        """Whether nothing waits in the inbox any more."""
        return (await Inbox(self.ledger).backlog()).pending == 0

    async def _stored(self, events: int) -> bool:
        return sum((await Inbox(self.ledger).counts()).values()) >= events


@asynccontextmanager
async def storm_over(
    tieline: World, broker: Broker, temporal: AsyncExitStack, file: Path, port: int
) -> AsyncIterator[Storm]:
    """All processes of a house, until the block ends; Temporal runs already."""
    tieline.config.write_text(f'{tieline.config.read_text()}\n[relay.nats]\nurl = "{broker.url}"\n')
    receiver = Receiver(tieline.config, tieline.settings.webhooks.port)
    books = Books(tieline.billing)
    built = Storm(tieline, books, receiver, broker, temporal, file, port)
    folder = tieline.config.parent
    async with (
        child(tieline_command(tieline.config, "worker"), folder / "worker.log") as worker,
        child(tieline_command(tieline.config, "relay"), folder / "relay.log"),
    ):
        watching = asyncio.create_task(_weigh(worker.pid, built.worker_bytes))
        try:
            await receiver.start()
            yield built
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await receiver.stop()


async def _weigh(pid: int, samples: list[int]) -> None:
    process = psutil.Process(pid)
    while True:
        with contextlib.suppress(psutil.NoSuchProcess):
            samples.append(process.memory_info().rss)
        await asyncio.sleep(SAMPLES_APART_SECONDS)
