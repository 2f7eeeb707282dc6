"""Phases of a benchmark: told while they run, and each may fail without the others."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Phases:
    """Runs one phase after another; what a phase that fails would have found is left out."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    async def run(self, name: str, phase: Awaitable[T]) -> T | None:
        """What the phase found; None when it failed, which is told beside the figures."""
        progress(name)
        try:
            return await phase
        except Exception as error:
            self.failed.append(name)
            progress(f"{name} failed: {type(error).__name__}: {error}")
            return None


def progress(step: str) -> None:
    """Tell what is being measured, beside the figures."""
    print(f"{time.strftime('%H:%M:%S')} {step}", file=sys.stderr, flush=True)


async def stoppable(measuring: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends the child processes too."""
    task = asyncio.ensure_future(measuring)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
