"""Signed webhooks, posted over some connections until each is stored, and how long that takes."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from benchmarks.webhook_messages import callouts
from tieline.children import child, tieline_command
from tieline.devserver import LOOPBACK, free_port

CONNECTIONS = 16
READY_SECONDS = 60.0
PATIENCE_SECONDS = 120.0
RESEND_SECONDS = 0.5
WARM_UP = 200


@dataclass
class Load:
    """Messages that were stored together, and the latency of each answer 2xx in seconds.

    `cpu_seconds` is what the server's process used of the processor.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def add(self, other: "Load") -> None:
        """Take in another round."""
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.latencies += other.latencies

    @property
    def per_second(self) -> float | None:
        """How many a second; None without any."""
        return len(self.latencies) / self.seconds if self.latencies else None

    @property
    def cpu_ms(self) -> float | None:
        """The server's processor time for one of them."""
        return 1000 * self.cpu_seconds / len(self.latencies) if self.latencies else None

    def percentile_ms(self, percent: int) -> float | None:
        """The latency that so many percent of the answers did not exceed."""
        if len(self.latencies) < 2:
            return None
        return 1000 * quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


async def stored_per_second(url: str, secret: str, events: int) -> float:
    """Post so many different events over 16 connections until each is stored.

    Raises RuntimeError for one that is refused, TimeoutError when it takes more than two minutes.
    """
    await post_all(url, callouts(url, secret, WARM_UP, "warm"), CONNECTIONS)
    load = await post_all(url, callouts(url, secret, events, "full"), CONNECTIONS)
    return events / load.seconds


async def stored_per_second_without_temporal(
    config: Path, folder: Path, secret: str, events: int
) -> float:
    """The same against a process whose Temporal does not answer and whose ledger is its own."""
    port = free_port()
    overrides = {
        "TIELINE_TEMPORAL__ADDRESS": f"{LOOPBACK}:{free_port()}",
        "TIELINE_LEDGER_URL": f"sqlite:///{folder / 'intake.db'}",
        "TIELINE_WEBHOOKS__PORT": str(port),
    }
    environment = ["env", *(f"{name}={value}" for name, value in overrides.items())]
    command = [*environment, *tieline_command(config, "webhooks")]
    async with child(command, folder / "logs" / "intake.log"):
        await listening(port)
        return await stored_per_second(f"http://{LOOPBACK}:{port}", secret, events)


async def post_all(url: str, messages: Sequence[bytes], connections: int) -> Load:
    """Post whole requests over so many connections, each of which waits for its answer.

    Raises RuntimeError for one that is refused, TimeoutError when it takes more than two minutes.
    """
    waiting, load = list(messages)[::-1], Load()
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as senders:
        for _ in range(connections):
            senders.create_task(_sender(url, waiting, load.latencies))
    load.seconds = time.perf_counter() - began
    return load


async def _sender(url: str, waiting: list[bytes], latencies: list[float]) -> None:
    """Post what waits over one connection; what was not stored is sent again, as the CRM would."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    while waiting:
        message = waiting.pop()
        began = time.perf_counter()
        try:
            writer.write(message)
            status = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            status = 503
        if status == 503:
            waiting.append(message)
            await asyncio.sleep(RESEND_SECONDS)
        elif status != 202:
            raise RuntimeError(f"a webhook was answered {status}")
        else:
            latencies.append(time.perf_counter() - began)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    length = next(
        int(line.partition(":")[2])
        for line in head.splitlines()
        if line.lower().startswith("content-length:")
    )
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


async def listening(port: int) -> None:
    """Wait until something accepts on this port; raises TimeoutError after a minute."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
