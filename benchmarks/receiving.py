"""Stored events a second of the real receiver beside the bare server, in rounds by turns."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import psutil

from benchmarks.ledgers import ledgers
from benchmarks.stand import cpu_seconds
from benchmarks.webhook_load import Load, listening, post_all
from benchmarks.webhook_messages import mixed
from governance.catalogue import load_catalogue
from tieline.children import child, tieline_command
from tieline.devserver import LOOPBACK, free_port
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.credentials import Credentials
from tieline.rehearsal.vendors import VENDORS

CONNECTIONS = (1, 16, 64)
WARM_UP, WARM_UP_BY = 200, 16


@dataclass
class Received:
    """What both servers stored on one kind of ledger, by the number of connections."""

    ours: "Loads" = field(default_factory=lambda: {n: Load() for n in CONNECTIONS})
    bare: "Loads" = field(default_factory=lambda: {n: Load() for n in CONNECTIONS})


Loads = dict[int, Load]


@dataclass(frozen=True)
class _Server:
    """A running server, where it listens, and what is measured of it."""

    url: str
    process: psutil.Process
    loads: Loads

    async def take(self, connections: int, messages: Sequence[bytes]) -> None:
        """Measure one round."""
        before = cpu_seconds(self.process)
        load = await post_all(self.url, messages, connections)
        load.cpu_seconds = cpu_seconds(self.process) - before
        self.loads[connections].add(load)


async def received(
    backend: str, folder: Path, credentials: Credentials, *, events: int, rounds: int
) -> Received:
    """Post so many events a round and number of connections to both; Temporal does not answer."""
    found = Received()
    secret = credentials.webhook_secret.read_text()
    with ledgers(backend, folder) as ledger:
        ours = real_receiver(folder, credentials, ledger("ours"))
        bare = _bare_server(folder, ledger("bare"))
        async with ours as (url, process), bare as (bare_url, bare_process):
            servers = [
                _Server(url, process, found.ours),
                _Server(bare_url, bare_process, found.bare),
            ]
            for server in servers:
                await post_all(server.url, mixed(server.url, secret, WARM_UP, "warm"), WARM_UP_BY)
            for number, connections in product(range(rounds), CONNECTIONS):
                # Who begins changes, so that neither has the quieter half of the time.
                for server in servers if number % 2 else servers[::-1]:
                    kind = f"r{number}c{connections}x"
                    await server.take(connections, mixed(server.url, secret, events, kind))
    return found


@asynccontextmanager
async def real_receiver(
    folder: Path, credentials: Credentials, ledger_url: str, temporal: str = ""
) -> AsyncIterator[tuple[str, psutil.Process]]:
    """`tieline webhooks` over this ledger; without an address Temporal is down."""
    port = free_port()
    config = write_config(folder, credentials, ledger_url, temporal=temporal, webhooks_port=port)
    command = tieline_command(config, "webhooks")
    async with child(command, folder / "logs" / "webhooks.log") as process:
        await listening(port)
        yield f"http://{LOOPBACK}:{port}", psutil.Process(process.pid)


def write_config(
    folder: Path,
    credentials: Credentials,
    ledger_url: str,
    *,
    temporal: str = "",
    webhooks_port: int = 0,
    urls: dict[str, str] | None = None,
) -> Path:
    """The settings of a process; vendors without a URL are not there."""
    config = folder / "tieline.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        rehearsal_toml(
            credentials,
            load_catalogue(),
            {vendor: f"http://{LOOPBACK}:{free_port()}" for vendor in VENDORS} | (urls or {}),
            ledger_url=ledger_url,
            temporal_address=temporal or f"{LOOPBACK}:{free_port()}",
            ui_url=f"http://{LOOPBACK}:{free_port()}",
            webhooks_port=webhooks_port,
        )
    )
    return config


@asynccontextmanager
async def _bare_server(folder: Path, ledger_url: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_server", ledger_url, str(port)]
    async with child(command, folder / "logs" / "bare.log") as process:
        await listening(port)
        yield f"http://{LOOPBACK}:{port}", psutil.Process(process.pid)
