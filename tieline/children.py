"""Child processes of ours: started apart from the terminal, stopped by their own pid."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from canonical.errors import Unavailable

STOP_SECONDS = 35.0
LOG_TAIL_CHARACTERS = 300


async def stop(process: asyncio.subprocess.Process, seconds: float = STOP_SECONDS) -> None:
    """Ask the process to end, and end it after `seconds`."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def spawn(command: Sequence[str], log: Path) -> asyncio.subprocess.Process:
    """Start a command with its output in a log file, deaf to the terminal's Ctrl-C."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def ended(name: str, code: int, log: Path) -> Unavailable:
    """The error for a child that ended by itself, with the end of its log."""
    tail = " ".join(log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:].split())
    return Unavailable(f"{name} ended with code {code}: {tail}", about=name)


def tieline_command(config: Path, *arguments: str) -> list[str]:
    """The command line of another `tieline` process with the same settings."""
    return [sys.executable, "-m", "tieline", "--config", str(config), *arguments]


@asynccontextmanager
async def child(command: Sequence[str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command until the block ends."""
    process = await spawn(command, log)
    try:
        yield process
    finally:
        await stop(process)
