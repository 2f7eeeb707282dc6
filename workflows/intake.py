"""Intake as workflows: polls on a schedule, one taker a connection, and a watch over both.

None of them holds business state: everything is in the ledger, so each may end and start again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.feeds import FeedActivities
from activities.intake import IntakeActivities
from activities.watch import WatchActivities
from canonical.connections import task_queue
from canonical.intake import (
    ALARM,
    POLL,
    TAKER,
    WATCH,
    Concern,
    ConnectionRef,
    Counted,
    Polled,
    TakenIn,
    alarm_id,
    taker_id,
)

POLL_TIMEOUT = timedelta(minutes=10)
POLL_PATIENCE = timedelta(hours=1)
HEARTBEAT_TIMEOUT = timedelta(minutes=2)
TAKE_IN_TIMEOUT = timedelta(minutes=3)
# A round tells every few seconds that it goes on; one that was lost is begun again after these.
TAKE_IN_HEARTBEAT_TIMEOUT = timedelta(seconds=30)
LOCAL_TIMEOUT = timedelta(seconds=60)
POLLS_PER_RUN_MAX = 20
ROUNDS_PER_RUN_MAX = 300
RETRY = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=2))
# What came in by itself goes before what is fetched afterwards (temporal priority 1 to 5).
TAKE_IN_PRIORITY = Priority(priority_key=2)
POLL_PRIORITY = Priority(priority_key=4)


@workflow.defn(name=POLL)
class EventPoll:
    """Asks one connection what changed, counts it, and lets it be taken in."""

    @workflow.run
    async def run(self, connection: ConnectionRef) -> Polled:
        """One poll; a long backlog is read in several, and what is left waits for the next."""
        new = 0
        for _ in range(POLLS_PER_RUN_MAX):
            try:
                page: Polled = await _ask(FeedActivities.poll, connection, HEARTBEAT_TIMEOUT)
            except ActivityError:
                await _wake(connection)  # what was stored before it failed, or of another stream
                raise
            new += page.new + page.backfilled
            await _wake(connection)
            if not page.more:
                break
        # A census asks the vendor in one go, which may take its time: it has no heartbeat.
        counted: Counted = await _ask(FeedActivities.count, connection, None)
        if counted.told:
            await _wake(connection)
        return page.model_copy(update={"new": new})


async def _ask(
    what: Callable[[Any, ConnectionRef], Awaitable[Any]],
    connection: ConnectionRef,
    heartbeat: timedelta | None,
) -> Any:
    return await workflow.execute_activity_method(
        what,
        connection,
        task_queue=task_queue(connection.connection),
        start_to_close_timeout=POLL_TIMEOUT,
        schedule_to_close_timeout=POLL_PATIENCE,
        heartbeat_timeout=heartbeat,
        retry_policy=RETRY,
        priority=POLL_PRIORITY,
    )


async def _wake(connection: ConnectionRef) -> None:
    """See that the connection's taker runs, or looks once more."""
    try:
        await workflow.start_child_workflow(
            EventIntake.run,
            connection,
            id=taker_id(connection.connection),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=ParentClosePolicy.ABANDON,
        )
    except WorkflowAlreadyStartedError:
        handle = workflow.get_external_workflow_handle_for(
            EventIntake.run, taker_id(connection.connection)
        )
        try:
            await handle.signal(EventIntake.nudge)
        except Exception:  # it ended in between, and saw everything that is stored by now
            workflow.logger.debug("the taker ended in between")


@workflow.defn(name=TAKER)
class EventIntake:
    """Takes in what one connection told, until nothing waits: one at a time, so in order."""

    def __init__(self) -> None:
        self._nudged = False

    @workflow.run
    async def run(self, connection: ConnectionRef) -> None:
        """Rounds of up to fifty hints, until nothing is left."""
        for _ in range(ROUNDS_PER_RUN_MAX):
            self._nudged = False
            done: TakenIn = await workflow.execute_activity_method(
                IntakeActivities.take_in,
                connection,
                task_queue=task_queue(connection.connection),
                start_to_close_timeout=TAKE_IN_TIMEOUT,
                heartbeat_timeout=TAKE_IN_HEARTBEAT_TIMEOUT,
                retry_policy=RETRY,
                priority=TAKE_IN_PRIORITY,
            )
            if not done.left and not self._nudged:
                return
        workflow.continue_as_new(connection)

    @workflow.signal
    def nudge(self) -> None:
        """Something new was stored."""
        self._nudged = True


@workflow.defn(name=WATCH)
class IntakeWatch:
    """Looks for what has not come in, and raises one alarm for each concern."""

    @workflow.run
    async def run(self) -> int:
        """One look; returns how many concerns there are."""
        found = await workflow.execute_local_activity_method(
            WatchActivities.concerns, start_to_close_timeout=LOCAL_TIMEOUT
        )
        await asyncio.gather(*(self._raise(concern) for concern in found.concerns))
        return len(found.concerns)

    async def _raise(self, concern: Concern) -> None:
        try:
            await workflow.start_child_workflow(
                ALARM,
                concern,
                id=alarm_id(concern),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.debug("the alarm is raised already")
