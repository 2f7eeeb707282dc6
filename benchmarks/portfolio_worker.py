"""The worker of the portfolio: `tieline worker` without its courier, on the same settings.

The courier runs beside the calendar instead, since what it starts has to begin on the calendar's
day. `python -m benchmarks.portfolio_worker tieline.toml` serves until SIGTERM.
"""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tieline.configure import load_settings
from tieline.temporal import connect
from workers.composition import composition
from workers.run import served_connections, workers_of


async def serve(config: Path) -> None:
    """Serve every queue until SIGTERM."""
    settings = load_settings(config)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client, served = await connect(settings), served_connections(settings)
    async with composition(settings, served) as house, AsyncExitStack() as stack:
        for worker in workers_of(client, house, served):
            await stack.enter_async_context(worker)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
    # Temporal's client may crash in its native threads while Python shuts down.
    os._exit(0)
