"""Time of a portfolio: one calendar that vendors and processes are moved along, day by day.

Each process has a clock of its own on the development server. One that the courier starts is on the
calendar's day: its first task is put off by as much as the calendar is ahead, and that is skipped;
what the courier itself puts it off by is added, and passes with the calendar. What is skipped
stands in a history as events of its own, which production does not have.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import TimeSkippingConfig as Skipping
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.testing import TimeSkipper, TimeSkippingConfig

# The server gives up after 200 skips unless it is told otherwise.
SKIPS_MAX = 10_000
# How many clocks are moved at once. Each that stops at a look asks five systems side by side, and a
# starving server loses some of what it hands out, for 90 seconds each.
IN_FLIGHT = 12
FIRST_POLL_SECONDS, POLL_SECONDS_MAX = 0.01, 0.5
STUCK_SECONDS = 600.0
NOON = 12


class Calendar:
    """The day that vendors and processes are on; day 0 is today."""

    def __init__(self) -> None:
        self.begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.ahead = timedelta()

    def turn_to(self, day: int, *, hours: int = NOON) -> None:
        """An hour of a day, unless it is later already; at noon, what a morning brings is over."""
        self.ahead = max(self.at(day, hours=hours) - datetime.now(UTC), self.ahead)

    def at(self, day: int, *, hours: int = NOON) -> datetime:
        """An hour of a day."""
        return self.begin + timedelta(days=day, hours=hours)

    def now(self) -> datetime:
        """The calendar's moment, which goes on with real time."""
        return datetime.now(UTC) + self.ahead

    def __call__(self) -> float:
        """The same as a vendor's clock."""
        return time.time() + self.ahead.total_seconds()


class OnTheDay(Interceptor):
    """Lets what a client starts begin on the calendar's day."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        """As Temporal asks for it."""
        return _Outbound(next, self.calendar)


class _Outbound(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, calendar: Calendar) -> None:
        super().__init__(following)
        self.calendar = calendar

    async def start_workflow(
        self,
        input: StartWorkflowInput,  # noqa: A002
    ) -> WorkflowHandle[Any, Any]:
        ahead = self.calendar.ahead
        if ahead > timedelta():
            skipping = Skipping(enabled=True, max_session_skip_count=SKIPS_MAX)
            skipping.fast_forward_config.id = str(uuid4())
            skipping.fast_forward_config.duration.FromTimedelta(ahead)
            input.start_delay = ahead + (input.start_delay or timedelta())
            input.time_skipping_config = skipping
        return await super().start_workflow(input)


class Clocks:
    """The clocks of all processes of a portfolio."""

    def __init__(self, client: Client, calendar: Calendar) -> None:
        self.calendar = calendar
        self._client = client
        config = TimeSkippingConfig(max_session_skip_count=SKIPS_MAX)
        self._skipper = TimeSkipper(client, config=config)
        self._ahead: dict[str, timedelta] = {}

    @property
    def courier_client(self) -> Client:
        """A client whose processes begin on the calendar's day."""
        config = self._client.config()
        config["interceptors"] = [*config["interceptors"], OnTheDay(self.calendar)]
        return Client(**config)

    def began(self, workflow_ids: Iterable[str]) -> None:
        """These processes were started on the calendar's present day."""
        self._ahead |= dict.fromkeys(workflow_ids, self.calendar.ahead)

    async def catch_up(self, workflow_ids: Iterable[str]) -> None:
        """Move these processes on to the calendar's moment, through all that is due before it."""
        await side_by_side(self._catch_up, workflow_ids)

    async def at_rest(self, workflow_ids: Iterable[str]) -> None:
        """Wait until these processes have nothing to do but to wait, or have ended."""
        await side_by_side(self._at_rest, workflow_ids)

    async def _catch_up(self, workflow_id: str) -> None:
        by = self.calendar.ahead - self._ahead[workflow_id]
        if by > timedelta():
            handle = self._client.get_workflow_handle(workflow_id)
            async with asyncio.timeout(STUCK_SECONDS):
                await self._skipper.fast_forward(handle, by)
            self._ahead[workflow_id] = self.calendar.ahead

    async def _at_rest(self, workflow_id: str) -> None:
        handle, pause = self._client.get_workflow_handle(workflow_id), FIRST_POLL_SECONDS
        async with asyncio.timeout(STUCK_SECONDS):
            while True:
                found = (await handle.describe()).raw_description
                if not found.pending_activities and not found.HasField("pending_workflow_task"):
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, POLL_SECONDS_MAX)


async def side_by_side(work: Callable[[str], Awaitable[Any]], ids: Iterable[str]) -> list[Any]:
    """Do the work for each id, so many at a time; what was found, in order."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(each: str) -> Any:
        async with gate:
            return await work(each)

    return await asyncio.gather(*(one(each) for each in ids))
