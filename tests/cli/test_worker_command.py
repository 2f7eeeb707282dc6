"""A worker says which schedules it has removed, before it goes to work."""

import asyncio
import signal
import sys
from pathlib import Path

import orjson
from temporalio.client import Client

from canonical.connections import Polling
from starters.schedules import Planned, keep_schedules, planned
from tests.world import World, eventually

SOON_SECONDS = 60.0
GONE = "event-poll/billing-of-old"


async def said_first(*arguments: str | Path, until: bytes) -> bytes:
    """What a worker prints up to some text; then it is asked to stop, and does."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tieline", *map(str, arguments), "worker",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdout is not None
    async with asyncio.timeout(SOON_SECONDS):
        said = await worker.stdout.readuntil(until)
        worker.send_signal(signal.SIGINT)
        await worker.communicate()
    return said


async def test_a_worker_says_which_polls_it_has_removed(tieline: World, client: Client) -> None:
    """As a sentence, and as JSON for scripts; with nothing removed the list is empty."""

    async def left_over() -> None:
        await keep_schedules(client, planned({"billing-of-old": Polling(every_seconds=86_400)}))

        async def listed() -> bool:
            return GONE in {one.id async for one in await client.list_schedules()}

        await eventually(listed)

    try:
        await left_over()
        sentence = await said_first("--config", tieline.config, until=b"any more\n")
        await left_over()
        found = await said_first("--config", tieline.config, "--json", until=b"}\n")
        nothing = await said_first("--config", tieline.config, "--json", until=b"}\n")
    finally:
        await keep_schedules(
            client, [Planned(one.schedule_id, one.workflow) for one in planned({})]
        )

    assert sentence.decode().splitlines()[-1] == (
        f"removed the schedule {GONE}: the settings poll no such source any more"
    )
    assert orjson.loads(found) == {"removed_schedules": [GONE]}
    assert orjson.loads(nothing) == {"removed_schedules": []}
