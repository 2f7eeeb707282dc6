"""Ctrl-C and SIGTERM as an event, so that everything is stopped in order."""

import asyncio
import signal


def stop_event() -> asyncio.Event:
    """An event that the first SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def until_stopped() -> None:
    """Wait for SIGINT or SIGTERM."""
    await stop_event().wait()
