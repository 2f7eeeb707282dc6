"""The worker of the naive variant: default converter, default sandbox, no ledger.

`python -m benchmarks.naive tieline.toml` runs it until SIGTERM.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.naive_activities import NaiveActivities
from benchmarks.naive_workflow import NAIVE_QUEUE, NaiveQuoteToCash
from benchmarks.vendor_calls import VendorCalls
from tieline.configure import load_settings


async def serve(config: Path) -> None:
    """Serve the naive queue until SIGTERM."""
    settings = load_settings(config)
    calls = await VendorCalls.connect(settings)
    client = await Client.connect(settings.temporal.address)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    activities = NaiveActivities(calls).all()
    async with Worker(
        client, task_queue=NAIVE_QUEUE, workflows=[NaiveQuoteToCash], activities=activities
    ):
        await stop.wait()
    await calls.aclose()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
    # Temporal's client may crash in its native threads while Python shuts down.
    os._exit(0)
