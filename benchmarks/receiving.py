"""Stored events a second of the real receiver beside the bare server, in rounds by turns."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ledgers import ledgers
from benchmarks.webhook_load import Load, listening, post_all
from benchmarks.webhook_messages import mixed
from governance.catalogue import load_catalogue
from tieline.children import child, tieline_command
from tieline.devserver import LOOPBACK, free_port
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.credentials import Credentials
from tieline.rehearsal.vendors import VENDORS

CONNECTIONS = (1, 16, 64)
WARM_UP = 200


@dataclass
class Received:
    """What both servers stored on one kind of ledger, by the number of connections."""

    ours: dict[int, Load] = field(default_factory=lambda: {n: Load() for n in CONNECTIONS})
    bare: dict[int, Load] = field(default_factory=lambda: {n: Load() for n in CONNECTIONS})


async def received(
    backend: str, folder: Path, credentials: Credentials, *, events: int, rounds: int
) -> Received:
    """Post so many events a round and number of connections to both; Temporal does not answer."""
    found = Received()
    secret = credentials.webhook_secret.read_text()
    with ledgers(backend, folder) as ledger:
        ours = real_receiver(folder, credentials, ledger("ours"))
        async with ours as url, _bare_server(folder, ledger("bare")) as bare_url:
            servers = [(url, found.ours), (bare_url, found.bare)]
            for where, _ in servers:
                await post_all(where, mixed(where, secret, WARM_UP, "warm"), CONNECTIONS[1])
            for number in range(rounds):
                # Who begins changes, so that neither has the quieter half of the time.
                for where, loads in servers if number % 2 else servers[::-1]:
                    for connections, load in loads.items():
                        kind = f"r{number}c{connections}x"
                        messages = mixed(where, secret, events, kind)
                        load.add(await post_all(where, messages, connections))
    return found


@asynccontextmanager
async def real_receiver(
    folder: Path, credentials: Credentials, ledger_url: str, temporal: str = ""
) -> AsyncIterator[str]:
    """`tieline webhooks` over this ledger; without an address Temporal is down."""
    port = free_port()
    config = write_config(folder, credentials, ledger_url, temporal=temporal, webhooks_port=port)
    async with child(tieline_command(config, "webhooks"), folder / "logs" / "webhooks.log"):
        await listening(port)
        yield f"http://{LOOPBACK}:{port}"


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
async def _bare_server(folder: Path, ledger_url: str) -> AsyncIterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_server", ledger_url, str(port)]
    async with child(command, folder / "logs" / "bare.log"):
        await listening(port)
        yield f"http://{LOOPBACK}:{port}"
