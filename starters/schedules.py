"""Schedules: connections are polled, intake is watched, and renewal clocks are reconciled."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from canonical.clocks import RECONCILE, ReconcileStart
from canonical.connections import Polling
from canonical.ids import PROCESS_QUEUE
from canonical.intake import POLL, WATCH, WATCH_ID, ConnectionRef, poll_id
from starters.launch import translated

TIMEOUT_SECONDS = 30.0
WATCH_EVERY = timedelta(minutes=5)
RECONCILE_EVERY = timedelta(days=1)
# In the hour before the morning's looks (06:00 UTC), for which it asks beforehand.
RECONCILE_AT = timedelta(hours=5)
RECONCILE_JITTER = timedelta(minutes=10)
# What was due while the server was away is caught up once: a poll reads all that was missed, and a
# day's reconcile is not left out.
CATCH_UP = timedelta(minutes=10)
JITTER_SHARE = 0.1
POLLS = poll_id("")


@dataclass(frozen=True)
class Planned:
    """A schedule as it should be; without an interval it should not be. `at` is how long after
    midnight (UTC) of a first day it fires, within the `jitter`."""

    schedule_id: str
    workflow: str
    arguments: tuple[Any, ...] = ()
    every: timedelta | None = None
    at: timedelta = timedelta()
    jitter: timedelta | None = None


def planned(polling: Mapping[str, Polling]) -> list[Planned]:
    """The schedules of these sources, and those of the watch and of renewal clocks."""
    polls = [
        Planned(
            poll_id(source),
            POLL,
            (ConnectionRef(connection=source),),
            timedelta(seconds=one.every_seconds) if one.every_seconds else None,
        )
        for source, one in polling.items()
    ]
    return [
        *polls,
        Planned(WATCH_ID, WATCH, (), WATCH_EVERY),
        Planned(
            RECONCILE,
            RECONCILE,
            (ReconcileStart(),),
            RECONCILE_EVERY,
            at=RECONCILE_AT,
            jitter=RECONCILE_JITTER,
        ),
    ]


async def keep_schedules(client: Client, wanted: list[Planned]) -> list[str]:
    """Create, change or delete schedules until they are as planned; again changes nothing. Returns
    the ids of those that were deleted.

    Polls of sources that are not planned at all are deleted too: those left the settings. A poll
    that still runs when the next is due lets it pass, so polls never overlap. Raises Unavailable,
    Unauthorized or Misconfigured when Temporal cannot be told.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            for one in wanted:
                if one.every is not None:
                    await _keep(client, _schedule(one, one.every), one.schedule_id)
            unwanted = [one.schedule_id for one in wanted if one.every is None]
            unwanted += await _left_over(client, {one.schedule_id for one in wanted})
            return [schedule_id for schedule_id in unwanted if await _deleted(client, schedule_id)]
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise translated(error) from error


async def _keep(client: Client, schedule: Schedule, schedule_id: str) -> None:
    try:
        await client.create_schedule(schedule_id, schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id).update(_changed(schedule))


async def _deleted(client: Client, schedule_id: str) -> bool:
    try:
        await client.get_schedule_handle(schedule_id).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def _left_over(client: Client, known: set[str]) -> list[str]:
    """The polls of ours of which no source is known any more."""
    found = [
        one.id
        async for one in await client.list_schedules()
        if one.id.startswith(POLLS) and one.id not in known
    ]
    return [schedule_id for schedule_id in sorted(found) if await _is_ours(client, schedule_id)]


async def _is_ours(client: Client, schedule_id: str) -> bool:
    """Whether it is a poll as we make it: a name alone anybody may give."""
    try:
        described = await client.get_schedule_handle(schedule_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False  # the listing lags behind
    action = described.schedule.action
    return isinstance(action, ScheduleActionStartWorkflow) and (
        (action.workflow, action.id, action.task_queue) == (POLL, schedule_id, PROCESS_QUEUE)
    )


def _changed(schedule: Schedule) -> Any:
    def update(known: ScheduleUpdateInput) -> ScheduleUpdate | None:
        """Keep what people did to it (a pause, a note)."""
        schedule.state = known.description.schedule.state
        return ScheduleUpdate(schedule=schedule)

    return update


def _schedule(one: Planned, every: timedelta) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            one.workflow, *one.arguments, id=one.schedule_id, task_queue=PROCESS_QUEUE
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every, offset=one.at)],
            jitter=every * JITTER_SHARE if one.jitter is None else one.jitter,
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=max(CATCH_UP, every)
        ),
    )
