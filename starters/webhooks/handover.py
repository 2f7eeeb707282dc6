"""Hands stored events on: a deal starts its process, a hint wakes the taker of its connection."""

import asyncio
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDConflictPolicy
from temporalio.service import RPCError

from canonical.errors import Malformed
from canonical.ids import PROCESS_QUEUE, quote_to_cash_id
from canonical.inbound import PendingEvent
from canonical.intake import TAKER, ConnectionRef, taker_id
from canonical.messages import QuoteToCashInput
from starters.launch import TIMEOUT_SECONDS, start_process, translated


@dataclass(frozen=True)
class StartQuoteToCash:
    """Starts quote-to-cash for the deal that an event is about; the deal is read again there."""

    client: Client
    task_queue: str = PROCESS_QUEUE

    async def __call__(self, event: PendingEvent) -> str:
        """The workflow id; raises Malformed for an event without a deal, and what `start_process`
        raises."""
        if not event.subject:
            raise Malformed(f"event {event.event_id} names no opportunity", about=event.source)
        started = await start_process(
            self.client,
            "quote-to-cash",
            QuoteToCashInput(crm=event.source, opportunity_id=event.subject),
            workflow_id=quote_to_cash_id(event.source, event.subject),
            task_queue=self.task_queue,
            stage="accepting",
            summary=f"Quote-to-cash of {event.subject}",
            priority=Priority(priority_key=event.priority, fairness_key=event.source),
        )
        return started.workflow_id


@dataclass(frozen=True)
class NudgeTaker:
    """Lets the taker of a connection look into the inbox, starting it if it does not run."""

    client: Client

    async def __call__(self, connection: str) -> None:
        """Raises Unavailable, RateLimited, Unauthorized or Misconfigured, as Temporal says."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.client.start_workflow(
                    TAKER,
                    ConnectionRef(connection=connection),
                    id=taker_id(connection),
                    task_queue=PROCESS_QUEUE,
                    start_signal="nudge",
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                )
        except (RPCError, RuntimeError, TimeoutError) as error:
            raise translated(error) from error
