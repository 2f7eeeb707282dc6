"""What a portfolio runs on: a server with skipped time, simulators, a worker, and the courier."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil
from sqlalchemy import func, select
from sqlmodel import Session
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from benchmarks.portfolio_clocks import Calendar, Clocks
from benchmarks.portfolio_vendors import BILLING, Vendors
from canonical.events import CanonicalEvent
from canonical.facts import AnyFacts
from canonical.ids import PROCESS_QUEUE
from governance.catalogue import Catalogue, load_catalogue
from ledger.clock import Clock
from ledger.database import Database
from ledger.events import append_event
from ledger.migrate import upgrade
from ledger.models.evidence import events as outbox
from ledger.models.relay import deliveries, relays
from ledger.records import put_record
from simulators.serve import serving
from simulators.warehouse import write_usage
from tieline.children import child
from tieline.configure import load_settings
from tieline.devserver import LOOPBACK, dev_server, free_port
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.credentials import Credentials
from tieline.rehearsal.vendors import make_simulators
from tieline.settings import Settings
from tieline.temporal import connect
from workers.courier import TARGET, run_courier

# The server reads its timers a second ahead, and so would take a second for each skip.
PROMPT_TIMERS = ("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="1ms"')
USERS, LICENSED, USED_EVERY_DAYS = 3, 4, 7
# How soon the courier looks again; the default would be waited for on each day of the calendar.
COURIER_POLL_SECONDS = 0.05
STORED_AT_ONCE = 500
# Processes of an account that are awake at once: with room for all of them in the worker's memory,
# what it takes is what a portfolio needs, and nothing is replayed.
AWAKE_AT_ONCE, ROOM = 2, 100
POLL_SECONDS = 0.02
DELIVERED_SECONDS_MAX = 600.0
START_SECONDS_MAX = 120.0


@dataclass(frozen=True)
class Stand:
    """The running parts."""

    client: Client
    clocks: Clocks
    database: Database
    vendors: Vendors
    worker: psutil.Process
    settings: Settings

    async def record(self, records: Sequence[AnyFacts]) -> None:
        """Keep what intake would have read of these records of billing's."""
        now = self.clocks.calendar.now()
        await self.database.run(partial(_record, records=records, now=now))

    async def tell(self, events: Sequence[CanonicalEvent]) -> None:
        """Put events into the outbox, and wait until the courier has taken them."""
        for first in range(0, len(events), STORED_AT_ONCE):
            some = events[first : first + STORED_AT_ONCE]
            await self.database.run(partial(_append, events=some))
        last = select(func.max(outbox.c.position)).where(
            outbox.c.id.in_([one.id for one in events[-STORED_AT_ONCE:]])
        )
        until = await self.database.read(lambda s: s.connection().execute(last).scalar_one())
        position = select(relays.c.position).where(relays.c.name == TARGET)
        async with asyncio.timeout(DELIVERED_SECONDS_MAX):
            while True:
                at = await self.database.read(lambda s: s.connection().execute(position).scalar())
                if at is not None and at >= until:
                    break
                await asyncio.sleep(POLL_SECONDS)
        await self._none_parked()

    async def _none_parked(self) -> None:
        """An event that waits for another attempt would only be counted as taken."""
        parked = select(func.count()).where(deliveries.c.subscriber == TARGET)
        count = await self.database.read(lambda s: s.connection().execute(parked).scalar_one())
        if count:
            raise RuntimeError(f"the courier could not hand on {count} events")


def _record(session: Session, records: Sequence[AnyFacts], now: datetime) -> None:
    for one in records:
        put_record(session, BILLING, one, now)


def _append(session: Session, events: Sequence[CanonicalEvent]) -> None:
    for event in events:
        append_event(session, event)


@asynccontextmanager
async def standing(folder: Path, credentials: Credentials, accounts: int) -> AsyncIterator[Stand]:
    """Run everything in this folder until the block ends, for so many accounts."""
    folder.mkdir(parents=True)
    catalogue, calendar = load_catalogue(), Calendar()
    simulators = make_simulators(credentials, catalogue)
    vendors = Vendors(simulators, calendar)
    vendors.open_accounts(accounts)
    usage = _warehouse(folder, vendors)
    ledger_url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(ledger_url)
    temporal = dev_server(folder / "temporal.db", more=PROMPT_TIMERS)
    async with temporal as server, serving(simulators) as urls:
        config = folder / "tieline.toml"
        config.write_text(
            rehearsal_toml(
                credentials, catalogue, urls, ledger_url=ledger_url,
                temporal_address=server.address,
                ui_url=f"http://{LOOPBACK}:{free_port()}", webhooks_port=free_port(), usage=usage,
            )
            + f"\n[worker]\ncached_max = {AWAKE_AT_ONCE * accounts + ROOM}\n"
        )  # fmt: skip
        settings = load_settings(config)
        client, database = await connect(settings), Database.open(ledger_url)
        clocks = Clocks(client, calendar)
        command = [sys.executable, "-m", "benchmarks.portfolio_worker", str(config)]
        log = folder / "logs" / "worker.log"
        try:
            async with (
                child(command, log) as worker,
                _courier(clocks.courier_client, settings, database, catalogue, calendar.now),
            ):
                await _serving(client)
                process = psutil.Process(worker.pid)
                yield Stand(client, clocks, database, vendors, process, settings)
        finally:
            await database.close()


@asynccontextmanager
async def _courier(
    client: Client, settings: Settings, database: Database, catalogue: Catalogue, clock: Clock
) -> AsyncIterator[None]:
    prompt = settings.relay.model_copy(update={"poll_seconds": COURIER_POLL_SECONDS})
    stop = asyncio.Event()
    settings = settings.model_copy(update={"relay": prompt})
    running = asyncio.create_task(run_courier(client, settings, database, catalogue, stop, clock))
    try:
        yield
    finally:
        stop.set()
        await running


async def _serving(client: Client) -> None:
    """Wait until the worker asks for workflow tasks: what it took to start is no part of a year."""
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=PROCESS_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    async with asyncio.timeout(START_SECONDS_MAX):
        while not (await client.workflow_service.describe_task_queue(asked)).pollers:
            await asyncio.sleep(POLL_SECONDS)


def _warehouse(folder: Path, vendors: Vendors) -> dict[str, object]:
    """Every account is used evenly, so that usage is known and changes nothing."""
    file, url = folder / "warehouse.db", folder / "warehouse-url"
    write_usage(
        file, [one.account_id for one in vendors.subscriptions], datetime.now(UTC).date(),
        users=USERS, licensed=LICENSED, every_days=USED_EVERY_DAYS,
    )  # fmt: skip
    url.touch(mode=0o600)
    url.write_text(f"sqlite:///{file}")
    return {
        "url": f"file:{url}",
        "table": "daily_usage",
        "columns": {"account": "account_id", "user": "user_id", "day": "day"},
        "seats": {"table": "seats", "account": "account_id", "licensed": "licensed"},
    }
