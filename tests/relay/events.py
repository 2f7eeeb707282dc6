"""What happened to Globex and Initech, written to an outbox."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from canonical.connections import Environment
from canonical.events import CanonicalEvent, OutboxEvent
from ledger.database import Database
from ledger.events import append_event, read_events
from tieline.settings import Settings
from workers.relay import run_relay

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WAIT_SECONDS = 30.0
SECRET = "whsec_" + "R2xvYmV4IHBheXMgd2l0aGluIDQ1IGRheXMu"


def posted(number: int, **changes: Any) -> CanonicalEvent:
    """Globex's invoice of that number was posted."""
    told: dict[str, Any] = {
        "id": f"ev-{number:05d}",
        "type": "invoice.posted",
        "source": "stripe-us",
        "subject": f"invoice/in_{number}",
        "occurred_at": NOON + timedelta(minutes=number),
        "legal_entity": "GLOBEX-US",
        "environment": Environment.TEST,
        "body": {"number": f"INV-{number}"},
    }
    return CanonicalEvent(**told | changes)


async def write(db: Database, *events: CanonicalEvent) -> list[OutboxEvent]:
    """Append events, each in a transaction of its own; answers with the whole outbox."""
    for event in events:
        await db.run(lambda session, event=event: append_event(session, event))
    return await read_events(db, limit=1000)


def ids(count: int, first: int = 1) -> list[str]:
    """The ids of so many invoices."""
    return [f"ev-{number:05d}" for number in range(first, first + count)]


def settings(url: str, **sections: Any) -> Settings:
    """Settings of a relay that does not dawdle."""
    relay = {"poll_seconds": 0.02, **sections.pop("relay", {})}
    return Settings.model_validate({"ledger_url": url, "relay": relay, **sections})


def secret_file(folder: Path, content: str = SECRET) -> str:
    """Where a secret is, as settings name it."""
    file = folder / "secret"
    file.write_text(content)
    return f"file:{file}"


@asynccontextmanager
async def relaying(chosen: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """A relay that runs until the block ends, and ends well."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run_relay(chosen, stop, ready))
    started = asyncio.create_task(ready.wait())
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(WAIT_SECONDS):
            await task


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await holds():
            await asyncio.sleep(0.02)
