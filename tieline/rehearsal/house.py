"""Everything on one machine: Temporal, webhooks, a worker and, to rehearse, the simulators."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canonical.errors import Misconfigured, Unavailable
from governance.catalogue import load_catalogue
from tieline.children import ended, spawn, stop, tieline_command
from tieline.configure import load_settings
from tieline.devserver import LOOPBACK, dev_server, free_port
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.credentials import make_credentials
from tieline.rehearsal.vendors import VENDORS
from tieline.rehearsal.warehouse import make_warehouse
from tieline.settings import Settings

READY_SECONDS = 30.0
POLL_SECONDS = 0.05
# How often a rehearsal's connections are asked what changed.
POLLED_SECONDS = 60


@dataclass
class House:
    """What runs, where it is and how to see that one part has ended by itself."""

    config: Path
    settings: Settings
    temporal_address: str
    ui_url: str
    webhooks_url: str
    logs: Path
    vendor_urls: Mapping[str, str] = field(default_factory=dict)
    children: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{name}.log"

    async def stop(self) -> None:
        """Stop every part at once, and wait for the last."""
        await asyncio.gather(*(stop(process) for process in self.children.values()))

    async def watch(self, until: Coroutine[Any, Any, None]) -> None:
        """Wait for `until`; raises Unavailable when a part ends by itself first."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future(until)
        parts: dict[asyncio.Future[Any], str] = {
            asyncio.ensure_future(process.wait()): name for name, process in self.children.items()
        }
        done, running = await asyncio.wait({waiting, *parts}, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        if waiting in done:
            waiting.result()
            return
        name = next(parts[task] for task in done)
        raise ended(name, self.children[name].returncode or 0, self.log(name))


@asynccontextmanager
async def house(
    settings: Settings,
    config: Path,
    folder: Path,
    *,
    vendor_urls: Mapping[str, str] | None = None,
    simulate: list[str] | None = None,
) -> AsyncIterator[House]:
    """Run the parts as processes of their own until the block ends, last started first stopped.

    Raises Misconfigured when a port is taken, Unavailable when a part does not come up.
    """
    address, ui = settings.temporal.address, settings.temporal.ui_url
    host, _, port = address.rpartition(":")
    if host not in (LOOPBACK, "localhost"):
        raise Misconfigured(
            f"temporal.address is {address}: `tieline up` runs its own server on this machine; "
            "use `tieline worker` and `tieline webhooks` with a cluster",
            about="temporal.address",
        )
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            dev_server(folder / "temporal.db", port=int(port), ui_port=ui.port or 0)
        )
        standing = House(
            config=config,
            settings=settings,
            temporal_address=server.address,
            ui_url=server.ui_url,
            webhooks_url=f"http://{settings.webhooks.host}:{settings.webhooks.port}",
            logs=folder / "logs",
            vendor_urls=vendor_urls or {},
        )
        commands = {"worker": ["worker"], "webhooks": ["webhooks"]}
        if settings.relay_targets:
            commands["relay"] = ["relay"]
        if simulate is not None:
            commands = {"simulate": simulate, **commands}
        stack.push_async_callback(standing.stop)
        for name, arguments in commands.items():
            command = tieline_command(config, *arguments)
            standing.children[name] = await spawn(command, standing.log(name))
        await listening(standing, [settings.webhooks.port])
        yield standing


@asynccontextmanager
async def rehearsal_house(
    folder: Path,
    *,
    crm_export: Path | None = None,
    latency_ms: float = 0.0,
    catalogue: Path | None = None,
    talkative: bool = False,
) -> AsyncIterator[House]:
    """A house whose vendors are simulators; credentials, settings and state are in `folder`.

    In a `talkative` one billing sends webhooks too, and every connection is polled.

    Simulators forget when they stop, so what an earlier rehearsal left in the ledger and in
    Temporal is forgotten too.
    """
    folder = folder.resolve()
    for left in (*folder.glob("ledger.db*"), *folder.glob("temporal.db*")):
        left.unlink()
    credentials = make_credentials(folder / "credentials")
    ports = {vendor: free_port() for vendor in VENDORS}
    urls = {vendor: f"http://{LOOPBACK}:{port}" for vendor, port in ports.items()}
    temporal, ui, webhooks = free_port(), free_port(), free_port()
    config = folder / "tieline.toml"
    config.write_text(
        rehearsal_toml(
            credentials,
            load_catalogue(catalogue),
            urls,
            ledger_url=f"sqlite:///{folder / 'ledger.db'}",
            temporal_address=f"{LOOPBACK}:{temporal}",
            ui_url=f"http://{LOOPBACK}:{ui}",
            webhooks_port=webhooks,
            catalogue_folder=catalogue,
            poll_seconds=POLLED_SECONDS if talkative else 0,
            usage=make_warehouse(folder, crm_export),
        )
    )
    simulate = [
        "simulate",
        f"--folder={folder / 'credentials'}",
        f"--ports={','.join(str(ports[vendor]) for vendor in VENDORS)}",
        f"--callout-url=http://{LOOPBACK}:{webhooks}/webhooks/crm",
        f"--latency-ms={latency_ms}",
    ]
    if talkative:
        simulate.append(f"--billing-url=http://{LOOPBACK}:{webhooks}/webhooks/billing")
    if crm_export is not None:
        simulate.append(f"--crm-export={crm_export.resolve()}")
    if catalogue is not None:
        simulate.append(f"--catalogue={catalogue}")
    settings = load_settings(config)
    async with house(settings, config, folder, vendor_urls=urls, simulate=simulate) as standing:
        await listening(standing, list(ports.values()))
        yield standing


async def listening(standing: House, ports: list[int]) -> None:
    """Wait until every port accepts, or a part has ended."""
    waiting = list(ports)
    try:
        async with asyncio.timeout(READY_SECONDS):
            while waiting:
                for name, process in standing.children.items():
                    if process.returncode is not None:
                        raise ended(name, process.returncode, standing.log(name))
                waiting = [port for port in waiting if not await _accepts(port)]
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise Unavailable(
            f"nothing listens on port {waiting[0]} after {READY_SECONDS:.0f} s; "
            f"see the logs in {standing.logs}"
        ) from None


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
