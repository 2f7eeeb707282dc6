"""The dispatcher takes every stored event to its process, however long Temporal is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from canonical.connections import Environment
from canonical.errors import Conflict, TielineError, Unauthorized, Unavailable
from canonical.inbound import InboundEvent, PendingEvent
from starters.webhooks.dispatch import BACKOFF_SECONDS_MAX, CONCURRENT_MAX, Dispatcher
from tests.starters.memory_inbox import MemoryInbox

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
PATIENCE_SECONDS = 10.0


class Clock:
    """Moves on by a minute with each look, so that what is to be retried is due."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@dataclass
class Temporal:
    """Starts processes, unless told how to fail; knows what it started."""

    error: TielineError | None = None
    tried: int = 0
    started: list[str] = field(default_factory=list)
    at_once: int = 0
    at_once_max: int = 0

    async def start(self, event: PendingEvent) -> str:
        """Start a process, or raise."""
        self.tried += 1
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.error:
            raise self.error
        self.started.append(event.subject)
        return f"quote-to-cash/salesforce/{event.subject}"


async def nobody(connection: str) -> None:
    """There is no taker to wake."""


def won(deal: str) -> InboundEvent:
    """A stored closed-won message."""
    return InboundEvent(
        source="salesforce",
        event_id=f"msg-{deal}",
        type="opportunity.closed_won",
        kind="opportunity",
        subject=deal,
        environment=Environment.TEST,
        body=b"{}",
        received_at=NOW,
    )


@asynccontextmanager
async def dispatching(
    inbox: MemoryInbox, start: Callable[[PendingEvent], Awaitable[str]]
) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work that polls and retries a thousand times faster than usual."""
    dispatcher = Dispatcher(
        inbox, start, nobody, clock=Clock(), poll_seconds=0.001, backoff_seconds_min=0.0001
    )
    async with dispatcher.running():
        yield dispatcher


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true, for ten seconds at most."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_stored_event_reaches_its_process() -> None:
    """The row tells which process took it on."""
    inbox, temporal = MemoryInbox(), Temporal()
    await inbox.store(won("globex"))

    async with dispatching(inbox, temporal.start):
        await until(lambda: inbox.rows[0].state == "dispatched")

    assert inbox.rows[0].workflow_id == "quote-to-cash/salesforce/globex"


async def test_a_wake_up_does_not_wait_for_the_next_poll() -> None:
    """A webhook is acted on at once, not up to a second later."""
    inbox, temporal = MemoryInbox(), Temporal()
    dispatcher = Dispatcher(inbox, temporal.start, nobody, clock=Clock(), poll_seconds=3600)

    async with dispatcher.running():
        await asyncio.sleep(0)
        await inbox.store(won("globex"))
        dispatcher.wake()
        await until(lambda: temporal.started == ["globex"])


async def test_nothing_is_lost_while_temporal_is_away() -> None:
    """Many failures of the surroundings never make an event dead."""
    inbox, temporal = MemoryInbox(), Temporal(error=Unavailable("Temporal does not answer"))
    for number in range(3):
        await inbox.store(won(f"globex-{number}"))

    async with dispatching(inbox, temporal.start) as dispatcher:
        await until(lambda: temporal.tried >= 12)
        assert not dispatcher.reachable
        temporal.error = None
        await until(lambda: len(temporal.started) == 3)
        await until(lambda: dispatcher.reachable)

    assert [row.state for row in inbox.rows] == ["dispatched"] * 3


async def test_refused_credentials_wait_for_a_person_and_lose_nothing() -> None:
    """An expired certificate concerns every event; none of them is at fault."""
    inbox, temporal = MemoryInbox(), Temporal(error=Unauthorized("certificate expired"))
    await inbox.store(won("globex"))

    async with dispatching(inbox, temporal.start):
        await until(lambda: temporal.tried >= 12)
        temporal.error = None
        await until(lambda: temporal.started == ["globex"])


async def test_the_pause_doubles_up_to_a_minute() -> None:
    """A server that comes back is not met by a storm."""
    inbox = MemoryInbox()
    dispatcher = Dispatcher(inbox, Temporal().start, nobody)
    pauses = []

    for _ in range(8):
        dispatcher._back_off(Unavailable("Temporal does not answer"))
        pauses.append(dispatcher._backoff_seconds)

    assert pauses == [1, 2, 4, 8, 16, 32, BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MAX]


async def test_an_event_that_always_fails_is_set_aside_and_holds_up_no_other() -> None:
    """It is dead after ten attempts, with the reason; the others are through by then."""
    inbox, temporal = MemoryInbox(), Temporal()

    async def start(event: PendingEvent) -> str:
        if event.subject == "twice":
            temporal.tried += 1
            raise Conflict("started with another input")
        return await temporal.start(event)

    await inbox.store(won("twice"))
    await inbox.store(won("globex"))

    async with dispatching(inbox, start):
        await until(lambda: inbox.rows[0].state == "dead")

    assert (inbox.rows[0].attempts, inbox.rows[0].error) == (10, "started with another input")
    assert inbox.rows[1].state == "dispatched"


async def test_a_ledger_that_comes_back_is_taken_up_again() -> None:
    """The loop outlives the database."""
    inbox, temporal = MemoryInbox(), Temporal()
    await inbox.store(won("globex"))
    inbox.down = True

    async with dispatching(inbox, temporal.start) as dispatcher:
        await until(lambda: not dispatcher.reachable)
        inbox.down = False
        await until(lambda: temporal.started == ["globex"])
        await until(lambda: dispatcher.reachable)


async def test_a_backlog_is_worked_off_with_bounded_concurrency() -> None:
    """A thousand webhooks do not become a thousand calls at once."""
    inbox, temporal = MemoryInbox(), Temporal()
    for number in range(100):
        await inbox.store(won(f"globex-{number}"))

    async with dispatching(inbox, temporal.start):
        await until(lambda: len(temporal.started) == 100)

    assert temporal.at_once_max == CONCURRENT_MAX


async def test_stopping_lets_the_start_under_way_finish() -> None:
    """A deployment leaves no event half dispatched."""
    inbox, begun = MemoryInbox(), asyncio.Event()
    await inbox.store(won("globex"))

    async def slow(event: PendingEvent) -> str:
        begun.set()
        await asyncio.sleep(0.01)
        return "quote-to-cash/salesforce/globex"

    async with dispatching(inbox, slow):
        await begun.wait()

    assert inbox.rows[0].state == "dispatched"
