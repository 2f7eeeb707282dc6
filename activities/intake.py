"""Intake of one connection: take in what it told, the record itself read again (R60, R71)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from temporalio import activity

from canonical.errors import Misconfigured, TielineError, Transient, Unauthorized
from canonical.facts import AnyFacts, Kind
from canonical.feeds import Hints, Records
from canonical.inbound import PendingEvent
from canonical.intake import ConnectionRef, TakenIn
from canonical.ports.events import EventsPort

HINTS_PER_ROUND_MAX = 50
READS_AT_ONCE_MAX = 10
FAILURES_MAX = 5
RETRY_SECONDS_MIN = 1.0
RETRY_SECONDS_MAX = 900.0
# What is wrong is around us, not in the hint: it waits, and never dies of it.
AROUND_US = (Transient, Unauthorized, Misconfigured)
# Deals start a process, which reads them itself: the dispatcher's, not ours.
STARTING_KINDS = (Kind.OPPORTUNITY.value,)

Outcome = AnyFacts | Exception


class IntakeActivities:
    """What is done with the hints of one connection, on that connection's queue."""

    def __init__(self, port: EventsPort, connection: str, hints: Hints, records: Records) -> None:
        self._port = port
        self._connection = connection
        self._hints = hints
        self._records = records

    @activity.defn(name="intake.take_in")
    async def take_in(self, _: ConnectionRef) -> TakenIn:
        """Read the records that hints are about, each once, and tell what happened to them.

        A hint that fails waits in the inbox and holds nothing up; after five failures of its own it
        is a dead letter.
        """
        hints = await self._hints.pending(
            HINTS_PER_ROUND_MAX, source=self._connection, but_kinds=STARTING_KINDS
        )
        if not hints:
            return TakenIn()
        known = await self._records.versions(self._connection, hints)
        fresh: list[PendingEvent] = []
        stale = 0
        for hint in hints:
            if hint.version and hint.version < known.get(hint.id, ""):
                await self._records.stale(hint, known[hint.id])
                stale += 1
            else:
                fresh.append(hint)
        gate = asyncio.Semaphore(READS_AT_ONCE_MAX)
        groups = _by_subject(fresh)
        done = await asyncio.gather(*(self._take_group(group, gate) for group in groups))
        return TakenIn(
            recorded=sum(one.recorded for one in done),
            stale=stale + sum(one.stale for one in done),
            ignored=sum(one.ignored for one in done),
            failed=sum(one.failed for one in done),
            dead=sum(one.dead for one in done),
            left=len(hints) == HINTS_PER_ROUND_MAX,
        )

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
            return await self._failed(group, Transient("The record does not show the change yet."))
        states = [(await self._records.take(hint, facts)).state for hint in group]
        return TakenIn(recorded=states.count("recorded"), stale=states.count("stale"))

    async def _failed(self, group: Sequence[PendingEvent], error: Exception) -> TakenIn:
        dead = 0
        for hint in group:
            dies = not isinstance(error, AROUND_US) and hint.attempts >= FAILURES_MAX
            retry_at = datetime.now(UTC) + timedelta(seconds=_wait_seconds(error, hint.attempts))
            await self._hints.failed(hint.id, _said(error), retry_at, dies, _cause(error))
            dead += dies
        return TakenIn(failed=len(group), dead=dead)


def _by_subject(hints: Sequence[PendingEvent]) -> list[list[PendingEvent]]:
    """Hints of one record together, in the order in which they came."""
    ordered = sorted(hints, key=lambda hint: (hint.kind, hint.subject))
    return [list(group) for _, group in groupby(ordered, key=lambda h: (h.kind, h.subject))]


def _wait_seconds(error: Exception, attempts: int) -> float:
    asked = error.retry_after_seconds if isinstance(error, TielineError) else None
    doubled = RETRY_SECONDS_MIN * 2.0 ** min(attempts - 1, 20)
    return float(min(max(asked or 0.0, doubled), RETRY_SECONDS_MAX))


def _cause(error: Exception) -> str:
    return error.cause if isinstance(error, TielineError) else "Unexpected"


def _said(error: Exception) -> str:
    """Our own errors in their words; of others only the kind, since they may quote anything."""
    return str(error) if isinstance(error, TielineError) else type(error).__name__
