"""What the benchmark runs: the rehearsal's processes, the naive worker, and meters on them."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from temporalio.client import Client

from tieline.children import child
from tieline.rehearsal.house import House, rehearsal_house
from tieline.temporal import connect

ROOT = Path(__file__).resolve().parent.parent
TOKEN_PATHS = ("/services/oauth2/token", "/services/rest/auth/oauth2/v1/token")
ACTION = re.compile(
    r'^action(?:_total)?\{action_type="(\w*)",[^}]*namespace="default"[^}]*\} (\S+)', re.MULTILINE
)
# The server publishes its counters with a delay.
METRICS_SECONDS = 2.0
# Between two of our calls the simulators close what is idle.
ONE_CALL_EACH = httpx.Limits(max_keepalive_connections=0)


@dataclass(frozen=True)
class Stand:
    """The running parts."""

    house: House
    tieline: Client
    plain: Client
    naive_worker: psutil.Process
    http: httpx.AsyncClient

    @property
    def tieline_worker(self) -> psutil.Process:
        """The worker that serves Tieline's processes."""
        return psutil.Process(self.house.children["worker"].pid)

    async def http_calls(self) -> int:
        """Calls that the vendors have answered so far, requests for tokens left out."""
        count = 0
        for url in self.house.vendor_urls.values():
            entries = (await self.http.get(f"{url}/_sim/log")).json()
            count += sum(entry["path"] not in TOKEN_PATHS for entry in entries)
        return count

    async def actions(self) -> float | None:
        """The server's count of billable actions; None when it does not tell."""
        return await actions_told(self.http)

    async def control(self, vendor: str, method: str, route: str, body: Any = None) -> None:
        """Use a simulator's control route."""
        url = f"{self.house.vendor_urls[vendor]}/_sim/{route}"
        (await self.http.request(method, url, json=body)).raise_for_status()


@asynccontextmanager
async def standing(folder: Path, export: Path, latency_ms: float) -> AsyncIterator[Stand]:
    """Run everything in this folder until the block ends."""
    async with rehearsal_house(folder, crm_export=export, latency_ms=latency_ms) as house:
        naive = [sys.executable, "-m", "benchmarks.naive", str(house.config)]
        async with (
            child(naive, house.log("naive")) as worker,
            httpx.AsyncClient(trust_env=False, timeout=60.0, limits=ONE_CALL_EACH) as http,
        ):
            tieline = await connect(house.settings)
            plain = await Client.connect(house.temporal_address)
            yield Stand(house, tieline, plain, psutil.Process(worker.pid), http)


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time that the process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def peak_mb(process: psutil.Process) -> float:
    """The most memory that the process ever held, in MB (10^6 bytes)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else float(process.memory_info().rss) / 1e6


async def actions_told(http: httpx.AsyncClient, *, leaving_out: str = "") -> float | None:
    """What the server that we run has counted as billable so far, one type of action left out; None
    when it does not tell."""
    port = _metrics_port()
    if port is None:
        return None
    await asyncio.sleep(METRICS_SECONDS)
    text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    return sum(float(value) for kind, value in ACTION.findall(text) if kind != leaving_out)


def _metrics_port() -> str | None:
    for process in psutil.Process().children():
        words = process.cmdline()
        if "start-dev" in words and "--metrics-port" in words:
            return words[words.index("--metrics-port") + 1]
    return None
