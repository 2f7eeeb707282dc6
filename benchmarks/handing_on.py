"""What `tieline webhooks` hands to Temporal a second: starts of processes, and nudges of takers."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from adapters.salesforce.ids import id18
from benchmarks.receiving import real_receiver, write_config
from canonical.connections import Environment
from canonical.facts import Kind
from canonical.inbound import InboundEvent
from ledger.database import Database
from ledger.inbox import InboxState, store
from ledger.migrate import upgrade
from ledger.models.inbox import inbox
from starters.webhooks.handover import NudgeTaker
from tieline.configure import load_settings
from tieline.devserver import dev_server
from tieline.rehearsal.credentials import Credentials
from tieline.temporal import connect

# The limit of a connection, 20 by default, is there to be lower than what is measured here.
UNLIMITED = {"TIELINE_CONNECTIONS__CRM__LIMITS__STARTS_PER_SECOND": "100000"}
STORED_AT_ONCE = 500
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class HandedOn:
    """How many a second; nobody worked on them meanwhile."""

    starts_per_second: float
    nudges_per_second: float


async def handed_on(
    folder: Path, credentials: Credentials, *, starts: int, nudges: int
) -> HandedOn:
    """Let the real process start so many deals that wait in the inbox, then nudge so often."""
    ledger_url = f"sqlite:///{folder / 'ledger.db'}"
    folder.mkdir(parents=True)
    upgrade(ledger_url)
    database = Database.open(ledger_url)
    try:
        await fill(database, [_deal(number) for number in range(starts)])
        async with dev_server(folder / "temporal.db") as server:
            with _environment(UNLIMITED):
                receiver = real_receiver(folder, credentials, ledger_url, server.address)
                async with receiver:
                    per_second = await _dispatched(database, starts)
            config = write_config(folder, credentials, ledger_url, temporal=server.address)
            nudge = NudgeTaker(await connect(load_settings(config)))
            await nudge("billing")
            began = time.perf_counter()
            for _ in range(nudges):
                await nudge("billing")
            took = time.perf_counter() - began
    finally:
        await database.close()
    return HandedOn(per_second, nudges / took)


async def fill(database: Database, events: list[InboundEvent]) -> None:
    """Store events, hundreds in a transaction."""
    for first in range(0, len(events), STORED_AT_ONCE):
        some = events[first : first + STORED_AT_ONCE]
        await database.run(lambda s, some=some: [store(s, event) for event in some])


def _deal(number: int) -> InboundEvent:
    deal = id18(f"006BM{number:010d}")
    assert deal is not None
    return InboundEvent(
        source="crm",
        event_id=f"msg_{number:06d}",
        type="opportunity.closed_won",
        kind=Kind.OPPORTUNITY,
        subject=deal,
        priority=1,
        environment=Environment.TEST,
        body=b"{}",
        received_at=datetime.now(UTC),
    )


async def _dispatched(database: Database, starts: int) -> float:
    """Starts a second between the first and the last."""
    settled = select(
        func.count(), func.min(inbox.c.settled_at), func.max(inbox.c.settled_at)
    ).where(inbox.c.state == InboxState.DISPATCHED.value)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            count, first, last = await database.read(
                lambda s: s.connection().execute(settled).one()
            )
            if count == starts:
                return (count - 1) / float((last - first).total_seconds())
            await asyncio.sleep(POLL_SECONDS)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Settings that a child process inherits."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
