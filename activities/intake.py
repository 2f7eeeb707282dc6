"""Intake of one connection: take in what it told, the record itself read again (R60, R71)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from temporalio import activity

from canonical.errors import Misconfigured, TielineError, Transient, Unauthorized
from canonical.facts import Kind
from canonical.feeds import Hints, Records
from canonical.inbound import PendingEvent
from canonical.intake import ConnectionRef, TakenIn
from canonical.ports.events import EventsPort

HINTS_PER_ROUND_MAX = 50
READS_AT_ONCE_MAX = 10
FAILURES_MAX = 5
RETRY_SECONDS_MIN = 1.0
RETRY_SECONDS_MAX = 900.0
HEARTBEAT_SECONDS = 5.0
PUT_OFFS_COUNTED_MAX = 100_000
# What is wrong is around us, not in the hint: it waits, and never dies of it.
AROUND_US = (Transient, Unauthorized, Misconfigured)
# Deals start a process, which reads them itself: the dispatcher's, not ours.
STARTING_KINDS = (Kind.OPPORTUNITY.value,)


class IntakeActivities:
    """What is done with the hints of one connection, on that connection's queue."""

    def __init__(self, port: EventsPort, connection: str, hints: Hints, records: Records) -> None:
        self._port = port
        self._connection = connection
        self._hints = hints
        self._records = records
        # How often a hint was put off; a new process asks sooner, which does no harm.
        self._put_offs: Counter[int] = Counter()

    @activity.defn(name="intake.take_in")
    async def take_in(self, _: ConnectionRef) -> TakenIn:
        """Read the records that hints are about, each once, and tell what happened to them.

        A hint that fails waits in the inbox and holds nothing up; after five failures of its own it
        is a dead letter.
        """
        hints = await self._hints.pending(
            HINTS_PER_ROUND_MAX,
            source=self._connection,
            but_kinds=STARTING_KINDS,
            together=True,
        )
        if not hints:
            return TakenIn()
        async with _heartbeats():
            done = await self._taken(hints)
        return TakenIn(
            recorded=sum(one.recorded for one in done),
            stale=sum(one.stale for one in done),
            ignored=sum(one.ignored for one in done),
            failed=sum(one.failed for one in done),
            dead=sum(one.dead for one in done),
            left=len(hints) >= HINTS_PER_ROUND_MAX,
        )

    async def _taken(self, hints: Sequence[PendingEvent]) -> list[TakenIn]:
        known = await self._records.versions(self._connection, hints)
        old = {hint.id for hint in hints if hint.version and hint.version < known.get(hint.id, "")}
        gate = asyncio.Semaphore(READS_AT_ONCE_MAX)
        groups = _by_subject([hint for hint in hints if hint.id not in old])
        return await asyncio.gather(
            *(self._set_aside(hint, known[hint.id]) for hint in hints if hint.id in old),
            *(self._take_group(group, gate) for group in groups),
        )

    async def _set_aside(self, hint: PendingEvent, known: str) -> TakenIn:
        await self._records.stale(hint, known)
        return TakenIn(stale=1)

    async def _take_group(self, group: Sequence[PendingEvent], gate: asyncio.Semaphore) -> TakenIn:
        """All hints about one record, the newest of which decides what has to be seen."""
        async with gate:
            newest = max(group, key=lambda hint: (hint.version, hint.id))
            try:
                facts = await self._port.read(newest)
            except Exception as error:
                return await self._failed(group, error)
        if facts is None:
            for hint in group:
                await self._records.ignore(hint)
            return TakenIn(ignored=len(group))
        if facts.version < newest.version and newest.attempts < FAILURES_MAX:
            # The system answers from a copy that lags behind what it told us itself.
            lag = Transient("The record does not show the change yet.")
            return await self._failed(group, lag, own=True)
        taken = await self._records.take(group[0], facts, *group[1:])
        for hint in group:
            self._put_offs.pop(hint.id, None)
        return TakenIn(**{taken.state: len(group)})

    async def _failed(
        self, group: Sequence[PendingEvent], error: Exception, own: bool = False
    ) -> TakenIn:
        theirs = own or not isinstance(error, AROUND_US)
        settle = self._tried if theirs else self._put_off
        dead = sum(await asyncio.gather(*(settle(hint, error) for hint in group)))
        return TakenIn(failed=len(group), dead=dead)

    async def _tried(self, hint: PendingEvent, error: Exception) -> bool:
        """A failure of the hint's own; whether it was the last."""
        dies = not isinstance(error, AROUND_US) and hint.attempts >= FAILURES_MAX
        retry_at = _retry_at(error, hint.attempts)
        await self._hints.failed(hint.id, _said(error), retry_at, dies, _cause(error))
        return dies

    async def _put_off(self, hint: PendingEvent, error: Exception) -> bool:
        if len(self._put_offs) >= PUT_OFFS_COUNTED_MAX:
            self._put_offs.clear()
        self._put_offs[hint.id] += 1
        retry_at = _retry_at(error, self._put_offs[hint.id])
        await self._hints.put_off(hint.id, _said(error), retry_at, _cause(error))
        return False


@contextlib.asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Show Temporal that the round goes on: a task that was lost is then given out again soon."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def _by_subject(hints: Sequence[PendingEvent]) -> list[list[PendingEvent]]:
    """Hints of one record together, in the order in which they came."""
    ordered = sorted(hints, key=lambda hint: (hint.kind, hint.subject))
    return [list(group) for _, group in groupby(ordered, key=lambda h: (h.kind, h.subject))]


def _retry_at(error: Exception, times: int) -> datetime:
    asked = error.retry_after_seconds if isinstance(error, TielineError) else None
    doubled = RETRY_SECONDS_MIN * 2.0 ** min(times - 1, 20)
    seconds = min(max(asked or 0.0, doubled), RETRY_SECONDS_MAX)
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _cause(error: Exception) -> str:
    return error.cause if isinstance(error, TielineError) else "Unexpected"


def _said(error: Exception) -> str:
    """Our own errors in their words; of others only the kind, since they may quote anything."""
    return str(error) if isinstance(error, TielineError) else type(error).__name__
