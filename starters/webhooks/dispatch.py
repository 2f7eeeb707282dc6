"""Takes stored events to their process, as long as it takes, and loses none."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiolimiter import AsyncLimiter

from canonical.errors import Misconfigured, TielineError, Transient, Unauthorized
from canonical.facts import Kind
from canonical.inbound import PendingEvent
from starters.webhooks.inbox import Inbox

log = logging.getLogger(__name__)

Start = Callable[[PendingEvent], Awaitable[str]]
Nudge = Callable[[str], Awaitable[None]]

POLL_SECONDS = 1.0
BACKOFF_SECONDS_MIN = 1.0
BACKOFF_SECONDS_MAX = 60.0
RETRY_SECONDS_MAX = 900.0
FAILURES_MAX = 10
CONCURRENT_MAX = 16
SHUTDOWN_SECONDS = 15.0
SOURCES_MAX = 100
STARTS_PER_SECOND = 20.0
# The kinds of records whose events start a process; the others are taken in by their connection.
STARTING_KINDS = (Kind.OPPORTUNITY.value,)

# What is wrong is around us, not in the event: it waits, and never dies of it.
AROUND_US = (Transient, Unauthorized, Misconfigured)


class Dispatcher:
    """Dispatches pending events, `CONCURRENT_MAX` at a time; woken by each store, or every second.

    While Temporal (or the ledger) cannot be reached it probes with one event, 1 s doubling to 60 s
    apart. An event that fails for a reason of its own is dead after `FAILURES_MAX` attempts.
    """

    def __init__(
        self,
        inbox: Inbox,
        start: Start,
        nudge: Nudge,
        *,
        starts_per_second: Mapping[str, float] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll_seconds: float = POLL_SECONDS,
        backoff_seconds_min: float = BACKOFF_SECONDS_MIN,
    ) -> None:
        self._inbox = inbox
        self._start = start
        self._nudge = nudge
        self._limits = {
            source: AsyncLimiter(rate, 1) for source, rate in (starts_per_second or {}).items()
        }
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._backoff_seconds_min = backoff_seconds_min
        self._backoff_seconds = 0.0
        self._failures: Counter[int] = Counter()
        self._nudged_at: dict[str, float] = {}
        self._woken = asyncio.Event()
        self._stopping = False

    @property
    def reachable(self) -> bool:
        """Whether the last attempt reached Temporal and the ledger."""
        return self._backoff_seconds == 0.0

    def wake(self) -> None:
        """There is something new to dispatch."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Dispatch in the background; at the end, finish what is under way (15 s at most)."""
        self._stopping = False
        task = asyncio.create_task(self._run(), name="dispatcher")
        try:
            yield
        finally:
            self._stopping = True
            self.wake()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, SHUTDOWN_SECONDS)

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            if not await self._round():
                await self._pause()

    async def _pause(self) -> None:
        """Until woken or the next poll; a back-off is sat out unless we are to stop."""
        until = asyncio.get_running_loop().time() + max(self._poll_seconds, self._backoff_seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._woken.wait()
                while self._backoff_seconds and not self._stopping:
                    self._woken.clear()
                    await self._woken.wait()

    async def _round(self) -> bool:
        """Dispatch what is due; whether there may be more."""
        limit = CONCURRENT_MAX if self.reachable else 1
        try:
            events = await self._inbox.pending(limit, self._clock(), kinds=STARTING_KINDS)
            if events:
                await self._dispatch_all(events)
            if self.reachable or not events:
                await self._nudge_all()
        except Exception as error:  # the loop outlives a ledger that is down
            self._back_off(error)
            return False
        return len(events) == limit and self.reachable

    async def _nudge_all(self) -> None:
        """Wake the taker of each connection of which hints are due."""
        sources = await self._inbox.waiting_sources(self._clock(), but_kinds=STARTING_KINDS)
        now = asyncio.get_running_loop().time()
        for source in sources[:SOURCES_MAX]:
            # Each store wakes us; the taker needs to hear of a burst once.
            if now - self._nudged_at.get(source, -self._poll_seconds) >= self._poll_seconds:
                await self._nudge(source)
                self._nudged_at[source] = now
        if sources and not self.reachable:
            self._resume()

    def _resume(self) -> None:
        log.info("Dispatching again")
        self._backoff_seconds = 0.0

    async def _dispatch_all(self, events: Sequence[PendingEvent]) -> None:
        errors = await asyncio.gather(
            *(self._dispatch(event) for event in events), return_exceptions=True
        )
        obstacles = [error for error in errors if isinstance(error, Exception)]
        if obstacles:
            self._back_off(obstacles[0])
        elif not self.reachable:
            self._resume()

    async def _dispatch(self, event: PendingEvent) -> None:
        """Take one event to its process; raises what would stop the others as well."""
        limit = self._limits.setdefault(event.source, AsyncLimiter(STARTS_PER_SECOND, 1))
        try:
            async with limit:
                workflow_id = await self._start(event)
        except AROUND_US as error:
            retry_at = self._after(self._next_backoff())
            await self._inbox.failed(event.id, str(error), retry_at, False, error.cause)
            raise
        except Exception as error:
            await self._fail(event, error)
            return
        await self._inbox.dispatched(event.id, workflow_id)
        self._failures.pop(event.id, None)
        log.info("Event %s of %s started %s", event.event_id, event.source, workflow_id)

    async def _fail(self, event: PendingEvent, error: Exception) -> None:
        self._failures[event.id] += 1
        failures = self._failures[event.id]
        dead = failures >= FAILURES_MAX
        wait_seconds = min(self._backoff_seconds_min * 2 ** (failures - 1), RETRY_SECONDS_MAX)
        cause = error.cause if isinstance(error, TielineError) else "Unexpected"
        await self._inbox.failed(event.id, _said(error), self._after(wait_seconds), dead, cause)
        if dead:
            del self._failures[event.id]
        log.warning(
            "Event %s of %s failed%s: %s",
            event.event_id,
            event.source,
            " for good" if dead else "",
            _said(error),
        )

    def _back_off(self, error: Exception) -> None:
        if self.reachable:
            log.warning("Dispatching pauses: %s", _said(error))
        self._backoff_seconds = self._next_backoff()

    def _next_backoff(self) -> float:
        doubled = max(2 * self._backoff_seconds, self._backoff_seconds_min)
        return min(doubled, BACKOFF_SECONDS_MAX)

    def _after(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)


def _said(error: Exception) -> str:
    """Our own errors in their words; of others only the kind, since they may quote anything."""
    return str(error) if isinstance(error, TielineError) else type(error).__name__
