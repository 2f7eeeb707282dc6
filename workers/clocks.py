"""Renewal clocks in Temporal: begun as the courier begins them, and moved by a signal."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from canonical.clocks import ContractClock
from canonical.errors import Malformed, Unavailable
from canonical.gathering import ScheduledLook
from canonical.ids import PROCESS_QUEUE
from canonical.messages import BusinessEvent
from canonical.renewal_messages import RenewalMemory, RenewalStart, renewal_id
from workers.beginnings import Beginnings
from workflows.visibility import begun_renewal

TIMEOUT_SECONDS = 10.0
# A renewal reads its contract again on any event of the contract; this one was told by nobody.
RECONCILED = "contract.reconciled"


class TemporalClocks:
    """`canonical.clocks.ClockKeeper` over a client.

    An ended clock may begin again, since only the ledger knows whether it should; one that runs is
    never begun twice, because its id is taken.
    """

    def __init__(self, client: Client, beginnings: Beginnings) -> None:
        self._client = client
        self._beginnings = beginnings

    def sources(self) -> list[str]:
        """The connections that own contracts, by the preset in force."""
        return self._beginnings.contract_sources()

    def start_of(self, look: ScheduledLook) -> RenewalStart:
        """Whom a renewal asks, by the settings in force."""
        return self._beginnings.renewal_of(
            look.connection, look.contract_id, look.opportunity_id, look.legal_entity
        )

    async def begin(self, contract: ContractClock) -> bool:
        """Start a contract's clock; False when it runs already."""
        try:
            await self._start(contract, WorkflowIDConflictPolicy.FAIL)
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def move(self, contract: ContractClock) -> None:
        """Have a clock read its contract again, and begin one that has ended."""
        now = datetime.now(UTC)
        about = f"{contract.connection}/{contract.contract_id}"
        event = BusinessEvent(
            id=f"{RECONCILED}/{about}/{now.date()}",
            type=RECONCILED,
            subject=f"contract/{contract.contract_id}",
            at=now,
        )
        await self._start(
            contract,
            WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="business_event",
            start_signal_args=[event],
        )

    async def _start(
        self, contract: ContractClock, conflict: WorkflowIDConflictPolicy, **options: Any
    ) -> None:
        start = self._beginnings.renewal_of(
            contract.connection,
            contract.contract_id,
            contract.opportunity_id,
            contract.legal_entity,
        ).model_copy(update={"memory": RenewalMemory(renewed_on=contract.renewed_on)})
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._client.start_workflow(
                    "renewal-readiness",
                    start,
                    id=renewal_id(contract.connection, contract.contract_id),
                    task_queue=PROCESS_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    id_conflict_policy=conflict,
                    search_attributes=begun_renewal(),
                    **options,
                )
        except RPCError as error:
            # What is refused for what it is, an id too long, must not hold up the others.
            refused = error.status is RPCStatusCode.INVALID_ARGUMENT
            kind = Malformed if refused else Unavailable
            raise kind(f"Temporal refused: {error.message}", about="temporal") from error
        except TimeoutError as error:
            raise Unavailable("Temporal does not answer", about="temporal") from error
