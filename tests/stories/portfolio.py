"""A portfolio over days: every clock of a world is moved together, and what happens is told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from canonical.facts import Kind
from canonical.ids import PROCESS_QUEUE
from canonical.inbound import InboundEvent
from canonical.messages import Progress
from canonical.renewal import ReadinessSnapshot
from canonical.renewal_messages import renewal_id
from canonical.risk_messages import RiskEnded, invoice_risk_id
from ledger.events import read_events
from ledger.inbox import Inbox
from ledger.models.portfolio import snapshots
from ledger.views.outbox import list_relays
from starters.webhooks.handover import NudgeTaker
from tests.world import World, eventually
from workers.beginnings import Beginnings
from workers.courier import TARGET

RESTING = 0.2
# Things are looked at in the morning; a story that is told in the night goes on after it.
AFTER_MORNING = time(6, 30, tzinfo=UTC)
VENDORS = "vendors"
_hints = count(1)


@dataclass
class Portfolio:
    """What a story of accounts and contracts can see and do."""

    tieline: World
    clocks: WorkflowEnvironment
    _moved: set[str] = field(default_factory=set)

    async def hear(self, connection: str, kind: Kind, subject: str) -> None:
        """A system tells that a record changed: a webhook's hint is stored, and the taker woken."""
        hint = InboundEvent(
            source=connection,
            event_id=f"story-{next(_hints)}",
            type=f"{kind}.changed",
            kind=kind,
            subject=subject,
            environment=self.tieline.settings.environment,
            body=b"{}",
            received_at=datetime.now(UTC),
        )
        inbox = Inbox(self.tieline.house.database)
        await inbox.store(hint)
        await NudgeTaker(self.tieline.client)(connection)
        await eventually(lambda: self._taken(inbox))

    async def _taken(self, inbox: Inbox) -> bool:
        return (await inbox.backlog()).pending == 0

    def risk(self, account_id: str) -> WorkflowHandle[Any, RiskEnded]:
        """The process of an account's late payments."""
        return self.tieline.client.get_workflow_handle(
            invoice_risk_id(account_id), result_type=RiskEnded
        )

    def renewal(self, contract_id: str, connection: str = "billing") -> WorkflowHandle[Any, Any]:
        """The process of a contract's renewal."""
        return self.tieline.client.get_workflow_handle(renewal_id(connection, contract_id))

    async def begin_renewal(self, contract_id: str, connection: str, deal: str) -> None:
        """The clock of a contract is begun by whoever compares contracts with clocks."""
        house = self.tieline.house
        beginnings = Beginnings(house.settings, house.catalogue.current())
        await self.tieline.client.start_workflow(
            "renewal-readiness",
            beginnings.renewal_of(connection, contract_id, deal, "Acme Inc"),
            id=renewal_id(connection, contract_id),
            task_queue=PROCESS_QUEUE,
        )

    async def views(self) -> list[ReadinessSnapshot]:
        """Every view that was taken of a renewal, oldest first."""
        wanted = snapshots.select().order_by(snapshots.c.taken_at)
        rows = await self.tieline.house.database.read(
            lambda s: s.connection().execute(wanted).all()
        )
        return [ReadinessSnapshot.model_validate(row.body) for row in rows]

    async def standing(self, process: WorkflowHandle[Any, Any], *stages: str) -> str:
        """Wait until a process has begun and stands at one of these stages, or at any."""

        async def reached() -> str:
            try:
                stage = await self.stage(process)
            except RPCError:  # not begun yet
                return ""
            return stage if not stages or stage in stages else ""

        return str(await eventually(reached))

    async def put_off(self, process: WorkflowHandle[Any, Any]) -> datetime:
        """Wait until a process is there that has not begun; when it will, to the minute."""

        async def found() -> datetime | None:
            try:
                there = await process.describe()
            except RPCError:  # not started yet
                return None
            begins: datetime | None = there.execution_time
            assert begins is not None and begins > there.start_time, "it has begun"
            return begins

        begins: datetime = await eventually(found)
        return begins.replace(second=0, microsecond=0)

    async def stage(self, process: WorkflowHandle[Any, Any]) -> str:
        """Where a process stands."""
        return (await process.query("progress", result_type=Progress)).stage

    async def pass_days(self, days: float, *processes: WorkflowHandle[Any, Any]) -> None:
        """Move the vendors' clocks and the processes' own on by so many days; whoever is moved for
        the first time in a night, until after the morning of the last of them."""
        self._vendors_pass(timedelta(days=days) + self._night(VENDORS))
        for process in processes:
            passing = timedelta(days=days) + self._night(process.id)
            await self.clocks.fast_forward(process, passing)

    async def passing(self, while_: timedelta, process: WorkflowHandle[Any, Any]) -> None:
        """Move the vendors' clocks and a process's own on by exactly so much."""
        self._vendors_pass(while_)
        await self.clocks.fast_forward(process, while_)

    def _night(self, whose: str) -> timedelta:
        if whose in self._moved:
            return timedelta()
        self._moved.add(whose)
        now = datetime.now(UTC)
        return max(datetime.combine(now.date(), AFTER_MORNING) - now, timedelta())

    def _vendors_pass(self, while_: timedelta) -> None:
        seconds, world = while_.total_seconds(), self.tieline
        world.billing.advance(seconds)
        world.erp.advance(seconds)
        world.support.moved_seconds += seconds
        world.success.moved_seconds += seconds

    async def all_delivered(self) -> bool:
        """Whether every event of the outbox has been taken to the processes that wait for it."""
        (courier,) = [
            line for line in await list_relays(self.tieline.house.database) if line.name == TARGET
        ]
        return courier.behind == 0

    async def told(self, *types: str) -> list[str]:
        """The types of the events of the outbox, of these or all."""
        events = await read_events(self.tieline.house.database, limit=1000)
        return [event.type for event in events if not types or event.type in types]
