"""A backlog of hints about Stripe's invoices, and how the real worker clears it."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from adapters.stripe.hints import hint_from
from benchmarks.handing_on import fill
from benchmarks.receiving import write_config
from canonical.connections import Environment
from canonical.inbound import Channel, InboundEvent
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.inbox import Inbox, InboxState
from ledger.migrate import upgrade
from simulators.serve import serving
from simulators.stripe import StripeSimulator
from simulators.stripe.customers import create as create_customer
from simulators.stripe.invoices import create, finalize, pay
from simulators.stripe.lines import Charge, add_lines
from simulators.stripe.store import Account, Call
from starters.webhooks.handover import NudgeTaker
from tieline.children import child, tieline_command
from tieline.configure import load_settings
from tieline.devserver import dev_server
from tieline.rehearsal.credentials import Credentials
from tieline.rehearsal.vendors import make_simulators
from tieline.temporal import connect

HINTS_PER_INVOICE = 4
# An invoice is drafted, finalized and paid within a minute, and the next one begins.
INVOICE_SECONDS = 60
YEAR_SECONDS = 365 * 86_400
AMOUNT_MINOR = 600_000
PRIORITY = 2
MARKS = (0.1, 0.5, 0.9)
POLL_SECONDS = 0.25
PATIENCE_SECONDS = 1800.0


@dataclass
class Cleared:
    """How long it took; the worker's memory on the way, and what was estimated at its begin."""

    hints: int
    invoices: int
    seconds: float = 0.0
    worker_mb: dict[float, float] = field(default_factory=dict)
    estimated_seconds: float | None = None
    left_seconds: float | None = None
    states: dict[str, int] = field(default_factory=dict)
    calls: int = 0


class Clock:
    """The account's time while its history is made: later with each step."""

    def __init__(self, begin: float) -> None:
        self.now = begin

    def __call__(self) -> float:
        return self.now


async def cleared(folder: Path, credentials: Credentials, *, hints: int) -> Cleared:
    """Store so many hints about a quarter as many invoices, and run a worker until none waits."""
    ledger_url = f"sqlite:///{folder / 'ledger.db'}"
    folder.mkdir(parents=True)
    upgrade(ledger_url)
    database = Database.open(ledger_url)
    simulators = make_simulators(credentials, load_catalogue())
    billing = simulators["stripe"]
    assert isinstance(billing, StripeSimulator)
    invoices = hints // HINTS_PER_INVOICE
    found = Cleared(invoices * HINTS_PER_INVOICE, invoices)
    try:
        await fill(database, _history(billing, found.invoices))
        async with dev_server(folder / "temporal.db") as server, serving(simulators) as urls:
            config = write_config(
                folder, credentials, ledger_url, temporal=server.address, urls=urls
            )
            command = tieline_command(config, "worker")
            async with child(command, folder / "logs" / "worker.log") as worker:
                await NudgeTaker(await connect(load_settings(config)))("billing")
                await _watch(found, database, worker.pid, config)
    finally:
        await database.close()
    found.calls = len(billing.log)
    return found


def _history(billing: StripeSimulator, invoices: int) -> list[InboundEvent]:
    """Invoices that were sent and paid, one after another until now, and what was told of each."""
    clock = Clock(time.time() - invoices * INVOICE_SECONDS)
    live, billing.clock = billing.clock, clock
    account, now = billing.account, datetime.now(UTC)
    customer = create_customer(account, Call((), {"name": "Globex", "email": "ap@globex.example"}))
    hints = []
    for _ in range(invoices):
        _pay_one(account, clock, str(customer["id"]))
        for told in list(account.events)[-HINTS_PER_INVOICE:]:
            hint = hint_from(
                told.event(), told.raw, "billing", Environment.TEST, Channel.WEBHOOK, now
            )
            hints.append(hint.model_copy(update={"priority": PRIORITY}))
    billing.clock = live
    return hints


def _pay_one(account: Account, clock: Clock, customer: str) -> None:
    """Four events: created, finalized, paid, payment_succeeded."""
    asked = {"customer": customer, "collection_method": "send_invoice", "days_until_due": "45"}
    step = INVOICE_SECONDS / HINTS_PER_INVOICE
    began = account.now()
    invoice = create(account, Call((), asked))
    charge = Charge(AMOUNT_MINOR, "GTX Pro", began, began + YEAR_SECONDS)
    add_lines(account, invoice, [charge])
    clock.now += step
    finalize(account, Call((invoice["id"],), {}), invoice)
    clock.now += step
    pay(account, Call((invoice["id"],), {}))
    clock.now += 2 * step


async def _watch(found: Cleared, database: Database, pid: int, config: Path) -> None:
    """Look until nothing waits; at a tenth of the way ask how long the rest will take."""
    worker, began, estimated_at = psutil.Process(pid), 0.0, 0.0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            counts = await Inbox(database).counts()
            settled = found.hints - counts.get(InboxState.PENDING, 0)
            if settled and not began:
                began = time.perf_counter()
            for mark in MARKS:
                if settled >= mark * found.hints and mark not in found.worker_mb:
                    found.worker_mb[mark] = worker.memory_info().rss / 1e6
            if found.worker_mb and found.estimated_seconds is None:
                estimated_at = time.perf_counter()
                found.estimated_seconds = await _estimate(config)
            if settled == found.hints:
                break
            await asyncio.sleep(POLL_SECONDS)
    ended = time.perf_counter()
    found.seconds, found.left_seconds = ended - began, ended - estimated_at
    found.states = {str(state): number for state, number in counts.items()}


async def _estimate(config: Path) -> float | None:
    """What `tieline inbox backlog` says."""
    command = [*tieline_command(config)[:-2], "--config", str(config), "--json", "inbox", "backlog"]
    asked = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await asked.communicate()
    seconds: float | None = json.loads(told)["clearing_seconds"]
    return seconds
