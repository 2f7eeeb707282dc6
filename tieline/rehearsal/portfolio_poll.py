"""The poll of a rehearsal whose server skips time: what a schedule would start, without its child.

`EventPoll` leaves the taker behind when it ends, as an abandoned child. The test server never gives
the lock on its clock back where such a child outlives its parent, so that time would stand still.
Here the poll is asked for by a workflow of its own, and the taker woken as webhooks wake it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta

from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.feeds import FeedActivities
from canonical.connections import task_queue
from canonical.errors import Unavailable
from canonical.intake import ConnectionRef, Polled, poll_id
from starters.webhooks.handover import NudgeTaker

QUEUE = "rehearsal"
POLL_TIMEOUT = timedelta(minutes=10)
POLLS_PER_DAY_MAX = 100
PATIENCE_SECONDS = 120.0


@workflow.defn(name="rehearsal-poll")
class RehearsalPoll:
    """Asks one connection what changed, to the end."""

    @workflow.run
    async def run(self, connection: ConnectionRef) -> int:
        """How much was new."""
        new = 0
        for _ in range(POLLS_PER_DAY_MAX):
            page: Polled = await workflow.execute_activity_method(
                FeedActivities.poll,
                connection,
                task_queue=task_queue(connection.connection),
                start_to_close_timeout=POLL_TIMEOUT,
                schedule_to_close_timeout=POLL_TIMEOUT,
            )
            new += page.new + page.backfilled
            if not page.more:
                break
        return new


@asynccontextmanager
async def polling(client: Client) -> AsyncIterator[None]:
    """Run what polls need until the block ends."""
    async with Worker(client, task_queue=QUEUE, workflows=[RehearsalPoll]):
        yield


async def poll(client: Client, connection: str, day: date) -> int:
    """Poll a connection and have what it told taken in; how much that is. Raises Unavailable."""
    asked = ConnectionRef(connection=connection)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            new: int = await client.execute_workflow(
                RehearsalPoll.run, asked, id=f"{poll_id(connection)}/{day}", task_queue=QUEUE
            )
            if new:
                await NudgeTaker(client)(connection)
    except (RPCError, WorkflowFailureError, TimeoutError) as error:
        raise Unavailable(f"{connection} cannot be polled on {day}: {error}") from error
    return new
