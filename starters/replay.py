"""Replays deals: retries their open cases, or takes their process back in its history (R127).

Nothing is written twice by it: a write that is confirmed is answered from the ledger, and one that
is in doubt is probed first.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from aiolimiter import AsyncLimiter
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from canonical.desk import Action, CaseState
from canonical.effects import EffectState
from canonical.errors import Misconfigured, TielineError, Unauthorized, Unavailable
from canonical.ids import quote_to_cash_id
from canonical.orders import Fact
from ledger.database import Database
from ledger.replays import ReplayOrder, Replays
from ledger.views.cases import list_cases
from ledger.views.effects import effects_of
from ledger.views.inbox import InboxLine
from ledger.views.processes import stage_of
from starters.decide import decide
from starters.foresee import DealStanding, Move, foresee
from starters.launch import TIMEOUT_SECONDS, translated
from starters.reset import Point, first_point, last_point, reset

CONCURRENT_MAX = 8
# The ledger keeps when a case was opened to the microsecond, a history to the nanosecond.
SAME_MOMENT = timedelta(milliseconds=1)
AROUND_US = (Unavailable, Unauthorized, Misconfigured)


class DealReplayed(Fact):
    """What became of a deal's replay; `done` when something was done about it."""

    workflow_id: str
    events: list[int]
    move: Move
    done: bool
    outcome: str


def workflow_of(line: InboxLine) -> str:
    """The process that a deal's event starts, or started."""
    return line.workflow_id or quote_to_cash_id(line.source, line.subject)


class DealReplays:
    """Replays of deals over Temporal and the ledger."""

    def __init__(self, client: Client, db: Database, replays: Replays | None = None) -> None:
        self._client = client
        self._db = db
        self._replays = replays or Replays(db)

    async def standing(self, workflow_id: str) -> DealStanding:
        """Where a process stands; raises Unavailable when Temporal or the ledger does not say."""
        status, run_id = await self._described(workflow_id)
        written: dict[EffectState, list[str]] = {}
        for effect in await effects_of(self._db, workflow_id):
            written.setdefault(effect.state, []).append(f"{effect.connection} {effect.kind}")
        confirmed = written.pop(EffectState.CONFIRMED, [])
        undone = written.pop(EffectState.UNDONE, [])
        return DealStanding(
            workflow_id=workflow_id,
            status=status,
            run_id=run_id,
            stage=await stage_of(self._db, workflow_id),
            cases=[
                filed.case
                for state in (CaseState.OPEN, CaseState.AWAITING_APPROVAL)
                for filed in await list_cases(self._db, state=state, workflow_id=workflow_id)
            ],
            confirmed=confirmed,
            unproven=[name for names in written.values() for name in names],
            undone=undone,
        )

    async def replay(
        self, order: ReplayOrder, lines: Sequence[InboxLine]
    ) -> AsyncIterator[DealReplayed]:
        """Replay deals, each process once however many events are about it; yields in the order
        they end.

        At most `order.rate` a second. Once Temporal does not answer, the others are left alone.
        """
        pace = AsyncLimiter(1, 1 / order.rate)
        turns = asyncio.Semaphore(CONCURRENT_MAX)
        by_process: dict[str, list[InboxLine]] = {}
        for line in lines:
            by_process.setdefault(workflow_of(line), []).append(line)
        obstacle: list[TielineError] = []

        async def one(workflow_id: str, about: Sequence[InboxLine]) -> DealReplayed:
            async with turns:
                if obstacle:
                    return _left_alone(workflow_id, about, obstacle[0])
                async with pace:
                    try:
                        return await self._replay(order, workflow_id, about)
                    except TielineError as error:
                        if isinstance(error, AROUND_US):
                            obstacle.append(error)
                        return _left_alone(workflow_id, about, error)

        waiting = [one(workflow_id, about) for workflow_id, about in by_process.items()]
        for ended in asyncio.as_completed(waiting):
            yield await ended

    async def _replay(
        self, order: ReplayOrder, workflow_id: str, lines: Sequence[InboxLine]
    ) -> DealReplayed:
        deal = await self.standing(workflow_id)
        foreseen = foresee(order.mode, deal)
        events = [line.id for line in lines]
        ended = DealReplayed(
            workflow_id=workflow_id,
            events=events,
            move=foreseen.move,
            done=False,
            outcome=foreseen.says,
        )
        if foreseen.move is Move.NOTHING:
            return ended
        if foreseen.move is Move.DUE:
            # Our own pace is the rate already: each is due when its turn comes.
            due = await self._replays.make_due(order, lines)
            return ended.model_copy(update={"done": due > 0})
        await self._replays.intend(order, lines, foreseen.says)
        try:
            done, outcome = await self._move(foreseen.move, order, deal)
        except TielineError as error:
            await self._replays.ended(order, lines, workflow_id, str(error), done=False)
            raise
        await self._replays.ended(order, lines, workflow_id, outcome, done=done)
        return ended.model_copy(update={"done": done, "outcome": outcome})

    async def _move(self, move: Move, order: ReplayOrder, deal: DealStanding) -> tuple[bool, str]:
        if move is Move.RETRY:
            return await self._retry(order, deal)
        from_start = move is Move.RESTART
        find = first_point if from_start else last_point
        point = await find(self._client, deal.workflow_id, deal.run_id)
        run_id = await reset(
            self._client, deal.workflow_id, point, reason=_said(order), from_start=from_start
        )
        await self._replays.close_superseded(order, _superseded(deal, point))
        where = "begins again" if from_start else "goes on"
        return True, f"{where} as run {run_id}"

    async def _retry(self, order: ReplayOrder, deal: DealStanding) -> tuple[bool, str]:
        decided = [
            one
            async for one in decide(
                self._client, deal.cases, Action.RETRY, actor=order.actor, reason=order.reason
            )
        ]
        outcome = "; ".join(sorted({one.outcome for one in decided}))
        return all(one.accepted for one in decided), outcome

    async def _described(self, workflow_id: str) -> tuple[str, str]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                run = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return "", ""
            raise translated(error) from error
        except (RuntimeError, TimeoutError) as error:
            raise translated(error) from error
        status = run.status or WorkflowExecutionStatus.RUNNING
        return status.name.lower(), run.run_id


def _left_alone(workflow_id: str, lines: Sequence[InboxLine], error: TielineError) -> DealReplayed:
    events = [line.id for line in lines]
    return DealReplayed(
        workflow_id=workflow_id,
        events=events,
        move=Move.NOTHING,
        done=False,
        outcome=f"{error.cause}: {error}",
    )


def _superseded(deal: DealStanding, point: Point) -> list[str]:
    """The cases that were opened from the point on: the process meets them anew."""
    reopened = point.at - SAME_MOMENT
    return [
        case.case_id for case in deal.cases if case.opened_at is None or case.opened_at >= reopened
    ]


def _said(order: ReplayOrder) -> str:
    return f"{order.mode} by {order.actor}: {order.reason}"
