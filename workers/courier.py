"""Takes canonical events to the processes that wait for them: one more target of the outbox."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from canonical.errors import Unavailable
from canonical.events import OutboxEvent
from canonical.messages import BusinessEvent
from canonical.ports.stream import Delivery
from governance.catalogue import Catalogue
from ledger.database import Database
from ledger.relay import SqlRelay
from ledger.scopes import Lease
from ledger.views.processes import ProcessLine, list_processes
from tieline.settings import Settings
from workers.relay import keep_relaying
from workers.relay_targets import SubscriberTarget

TARGET = "processes"
TIMEOUT_SECONDS = 10.0
CONCURRENT = 8
ENDED = ("completed", "cancelled")


@dataclass(frozen=True)
class ProcessEndpoint:
    """The processes of the deal that an event is about, as a subscriber of it.

    A signal may come twice, since a position is only saved after it: processes know an event by its
    id.
    """

    client: Client
    db: Database
    catalogue: Catalogue

    async def deliver(self, event: OutboxEvent) -> Delivery:
        """Signal each running process that consumes the event; none is as good as one.

        Raises Unavailable when Temporal cannot be told: the event then waits as long as it takes.
        """
        try:
            for process in await self._waiting(event):
                await self._signal(process.process.workflow_id, event)
        except (RPCError, RuntimeError, TimeoutError) as error:
            said = error.message if isinstance(error, RPCError) else "no answer"
            raise Unavailable(f"Temporal does not take events: {said}", about="temporal") from error
        return Delivery()

    async def aclose(self) -> None:
        """Nothing of its own to close."""

    async def _waiting(self, event: OutboxEvent) -> Sequence[ProcessLine]:
        business_id = str(event.body.get("opportunity_id", ""))
        # What starts a process needs no telling: it knows.
        consumers = [
            name
            for name, process in self.catalogue.processes.processes.items()
            if event.type in self.catalogue.events.consumed_by(name)
            and event.type != process.trigger
        ]
        if not business_id:
            return []
        found = [
            process
            for name in consumers
            for process in await list_processes(self.db, process=name, business_id=business_id)
        ]
        return [process for process in found if process.stage not in ENDED]

    async def _signal(self, workflow_id: str, event: OutboxEvent) -> None:
        said = BusinessEvent(
            id=event.id,
            type=event.type,
            subject=event.subject,
            at=event.occurred_at,
            body=event.body,
        )
        handle: Any = self.client.get_workflow_handle(workflow_id)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await handle.signal("business_event", said)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended in between
                raise


async def run_courier(
    client: Client, settings: Settings, db: Database, catalogue: Catalogue, stop: asyncio.Event
) -> None:
    """Take events to processes until `stop`; one courier at a time, whoever runs more."""
    ours = settings.relay
    consumed = {
        event
        for name in catalogue.processes.processes
        for event in catalogue.events.consumed_by(name)
    }
    target = SubscriberTarget(
        db,
        SqlRelay(db, TARGET, Lease(f"courier-{uuid4().hex}", ours.lease_seconds)),
        ProcessEndpoint(client, db, catalogue),
        sorted(consumed),
        [],
        CONCURRENT,
        ours.batch,
        ours.poll_seconds,
    )
    await keep_relaying(target, stop)
