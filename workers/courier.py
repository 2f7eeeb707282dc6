"""Takes canonical events to the processes that wait for them: one more target of the outbox."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from canonical.effects import ProcessRef
from canonical.errors import Unavailable
from canonical.events import OutboxEvent
from canonical.ids import PROCESS_QUEUE
from canonical.messages import BusinessEvent
from canonical.ports.stream import Delivery
from canonical.renewal_messages import renewal_id
from canonical.risk_messages import invoice_risk_id
from governance.catalogue import Catalogue
from governance.processes import Per, Process
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.payments import is_payment_awaited
from ledger.relay import SqlRelay
from ledger.scopes import Lease
from ledger.views.processes import list_processes
from ledger.views.subjects import account_of_contract
from tieline.settings import Settings
from workers.beginnings import Beginnings
from workers.grace import grace_left
from workers.relay import keep_relaying
from workers.relay_targets import SubscriberTarget
from workflows.visibility import begun_renewal, begun_risk

TARGET = "processes"
TIMEOUT_SECONDS = 10.0
CONCURRENT = 8
ENDED = ("completed", "cancelled")
# Renewals that are not prepared yet; one that has a case open is.
UNCONCERNED = (*ENDED, "waiting")


@dataclass(frozen=True)
class ProcessEndpoint:
    """The processes that consume an event, as one subscriber of it.

    A signal may come twice, since a position is only saved after it: processes know an event by its
    id, or only take it for a reason to look.
    """

    client: Client
    db: Database
    catalogue: Catalogue
    beginnings: Beginnings
    clock: Clock = utc_now

    async def deliver(self, event: OutboxEvent) -> Delivery:
        """Start or signal each process that consumes the event; none is as good as one.

        Raises Unavailable when Temporal cannot be told: the event then waits as long as it takes.
        """
        try:
            for name, process in self.catalogue.processes.processes.items():
                if event.type in self.catalogue.events.consumed_by(name):
                    await self._take(name, process, event)
        except (RPCError, RuntimeError, TimeoutError) as error:
            said = error.message if isinstance(error, RPCError) else "no answer"
            raise Unavailable(f"Temporal does not take events: {said}", about="temporal") from error
        return Delivery()

    async def aclose(self) -> None:
        """Nothing of its own to close."""

    async def _take(self, name: str, process: Process, event: OutboxEvent) -> None:
        begins = event.type == process.trigger
        match process.per:
            case Per.OPPORTUNITY if not begins:  # what starts a process needs no telling: it knows
                await self._signal_all(name, event, business_id=_of(event, "opportunity_id"))
            case Per.ACCOUNT if _of(event, "account_id"):
                await self._account(event, begins or _is_trouble(event))
            case Per.CONTRACT if begins:
                await self._begin_contract(event)
            case Per.CONTRACT if event.type.startswith("contract."):
                await self._signal(renewal_id(event.source, _of(event, "external_id")), event)
            case Per.CONTRACT:  # what is about the account matters while a renewal is prepared
                account = _of(event, "account_id")
                await self._signal_all(name, event, UNCONCERNED, account_id=account)

    async def _account(self, event: OutboxEvent, begins: bool) -> None:
        account_id = _of(event, "account_id")
        workflow_id = invoice_risk_id(account_id)
        if not begins:
            await self._signal(workflow_id, event)
            return
        put_off = await grace_left(self.db, self.beginnings, event, self.clock())
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self.client.start_workflow(
                "invoice-risk-to-health",
                self.beginnings.account_risk(event),
                id=workflow_id,
                task_queue=PROCESS_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=begun_risk(account_id),
                start_signal="business_event",
                start_signal_args=[_said(event)],
                start_delay=put_off,
            )

    async def _begin_contract(self, event: OutboxEvent) -> None:
        start = self.beginnings.renewal(event)
        if start is None:
            return  # another system keeps the contract's dates
        account_id = await account_of_contract(
            self.db, start.connection, start.contract_id, start.opportunity_id
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.client.start_workflow(
                    "renewal-readiness",
                    start,
                    id=renewal_id(start.connection, start.contract_id),
                    task_queue=PROCESS_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    search_attributes=begun_renewal(account_id, event.legal_entity),
                )
        except WorkflowAlreadyStartedError:
            return  # the event came twice

    async def _signal_all(
        self, name: str, event: OutboxEvent, but: Collection[str] = ENDED, **wanted: str
    ) -> None:
        if not all(wanted.values()):
            return
        for line in await list_processes(self.db, process=name, **wanted):  # type: ignore[arg-type]
            if line.stage not in but and await self._is_news(line.process, event):
                await self._signal(line.process.workflow_id, event)

    async def _is_news(self, process: ProcessRef, event: OutboxEvent) -> bool:
        """What is paid as agreed tells a renewal nothing, and each signal is an action."""
        if (process.process, event.type) != ("renewal-readiness", "payment.received"):
            return True
        return await is_payment_awaited(self.db, process.workflow_id, event.subject)

    async def _signal(self, workflow_id: str, event: OutboxEvent) -> None:
        handle: Any = self.client.get_workflow_handle(workflow_id)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await handle.signal("business_event", _said(event))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # nothing waits for it (any more)
                raise


def _is_trouble(event: OutboxEvent) -> bool:
    """Whether a changed invoice is a risk, though it need not be late: overdue again after a credit
    was taken back, disputed after it was paid, or charged in vain."""
    body = event.body
    return any(body.get(name) for name in ("overdue", "disputed", "failed_payments"))


def _said(event: OutboxEvent) -> BusinessEvent:
    return BusinessEvent(
        id=event.id,
        type=event.type,
        subject=event.subject,
        at=event.occurred_at,
        body=event.body,
    )


def _of(event: OutboxEvent, field: str) -> str:
    return str(event.body.get(field, ""))


async def run_courier(
    client: Client,
    settings: Settings,
    db: Database,
    catalogue: Catalogue,
    stop: asyncio.Event,
    clock: Clock = utc_now,
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
        ProcessEndpoint(client, db, catalogue, Beginnings(settings, catalogue), clock),
        sorted(consumed),
        [],
        CONCURRENT,
        ours.batch,
        ours.poll_seconds,
    )
    await keep_relaying(target, stop)
