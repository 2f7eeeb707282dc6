"""A world whose billing is polled, and what a story of the watch over intake does in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.client import WorkflowHandle

from canonical.connections import Polling
from canonical.desk import CaseState, ExceptionCase
from canonical.ids import PROCESS_QUEUE
from canonical.intake import ALARM, WATCH, AlarmResult
from canonical.ports.events import ChangePage
from ledger.case_records import FiledCase
from ledger.feeds import Feeds
from ledger.views.cases import list_cases
from tests.world import World, eventually, working
from workers.composition import composition

POLLED = Polling(every_seconds=60, behind_seconds=600)


@dataclass(frozen=True)
class Alarms:
    """The watch over a world's intake, and its alarms; `feed` is the stream the story is about.

    Alarms are named by their feed, and stories share a server: each has a feed of its own.
    """

    tieline: World
    feed: str

    @property
    def feeds(self) -> Feeds:
        """Our places in all feeds."""
        return Feeds(self.tieline.house.database)

    async def read(self, ago: timedelta = timedelta()) -> None:
        """The feed was read up to some time ago, and said nothing new."""
        page = ChangePage(events=[], cursor="7", read_up_to=datetime.now(UTC) - ago)
        await self.feeds.keep("billing", self.feed, page)

    async def watch(self) -> int:
        """The watch looks once; how many concerns it has."""
        concerns: int = await self.tieline.client.execute_workflow(
            WATCH, id=f"{WATCH}/{uuid4()}", task_queue=PROCESS_QUEUE, result_type=int
        )
        return concerns

    async def cases(self) -> list[FiledCase]:
        """Every case that an alarm opened, whatever became of it."""
        filed = await list_cases(self.tieline.house.database)
        return [one for one in filed if one.case.process.process == ALARM]

    async def case(self, after: int = 0) -> ExceptionCase:
        """The one open case, once `after` earlier ones were opened and there is one more."""

        async def found() -> ExceptionCase | None:
            filed = await self.cases()
            still = [one.case for one in filed if one.state is CaseState.OPEN]
            return still[0] if len(filed) > after and len(still) == 1 else None

        case: ExceptionCase = await eventually(found)
        return case

    def alarm(self, case: ExceptionCase) -> WorkflowHandle[None, AlarmResult]:
        """The process that a case is of."""
        return self.tieline.client.get_workflow_handle(
            case.process.workflow_id, result_type=AlarmResult
        )

    async def silence(self) -> None:
        """End every alarm that still stands, or the next world's workers would go on with it."""
        for filed in await self.cases():
            if filed.state is not CaseState.RESOLVED:
                await self.alarm(filed.case).terminate("the story is over")


@asynccontextmanager
async def watched(idle: World) -> AsyncIterator[Alarms]:
    """Workers for a world without any, in which billing is polled every minute."""
    connections = dict(idle.settings.connections)
    connections["billing"] = connections["billing"].model_copy(update={"poll": POLLED})
    settings = idle.settings.model_copy(update={"connections": connections})
    async with composition(settings) as house, working(idle.client, house):
        alarms = Alarms(replace(idle, settings=settings, house=house), f"events-{uuid4().hex[:8]}")
        try:
            yield alarms
        finally:
            await alarms.silence()
