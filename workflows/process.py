"""The process base: a story of steps, told to its end or compensated.

A process subclasses `Process`, tells its story in `fulfil` with `gate`, `step`, `follow` and plain
`await`, and says in `review` what its facts are now. Exceptions, decisions, cancellation and what
operators see come from `ExceptionDesk` and `Standing`.
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.desk import DeskActivities
from canonical.desk import COMPLETED, Action
from canonical.messages import BusinessEvent
from canonical.milestones import Milestone
from canonical.requests import MilestoneReached
from workflows.exceptions import ExceptionDesk
from workflows.steps import PATIENCE, StepRecord, Undo, attempt, failure_of, note

EVENT_IDS_MAX = 500

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")
Activity = Callable[[S, R], Awaitable[T]]


class Process(ExceptionDesk):
    """What every process is: a story of steps that people can see, correct and cancel."""

    milestones_by_event: dict[str, Milestone] = {}

    def __init__(self, business_id: str) -> None:
        super().__init__(business_id)
        self._followers: list[asyncio.Task[Any]] = []
        self._event_ids: list[str] = []

    @abstractmethod
    async def fulfil(self) -> None:
        """The story, from the first step to the last."""

    async def perform(self) -> None:
        """Tell the story to its end, or undo what it did when a person cancels."""
        story = asyncio.create_task(self._story())
        try:
            await workflow.wait_condition(lambda: story.done() or self.cancel_reason is not None)
        except asyncio.CancelledError:
            # A cancellation sent through Temporal itself is honoured like one from the desk.
            self.cancel_reason = "cancelled in Temporal"
        if self.cancel_reason is None:
            await story
            await self._finish(COMPLETED)
        else:
            await ended(story)
            await _unstoppable(self._compensate())
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def step(
        self,
        name: str,
        activity: Activity[S, R, T],
        request: Callable[[], R],
        *,
        connection: Callable[[], str],
        gates: bool = False,
        undo: Callable[[], Undo] | None = None,
        milestone: Milestone | None = None,
        reference: Callable[[T], str] = str,
    ) -> T | None:
        """Do one step, with a person's help where a rule fails; None when it was skipped.

        `request`, `connection` and `undo` are asked again for each try, since a correction may
        change them. The undo is registered first: a failed attempt may have left something behind.
        """
        record = StepRecord(name, connection(), gates)
        self.steps.append(record)
        summary = f"{name.replace('_', ' ')} · {self.account_name or self.business_id}"
        while True:
            record.state, record.connection = "running", connection()
            record.undo = undo() if undo else None
            try:
                done = await attempt(
                    activity,
                    request(),
                    connection=record.connection,
                    gates=gates,
                    patience=self.patience(name),
                    summary=summary,
                )
            except ActivityError as error:
                failure = failure_of(error)
                if failure is None:
                    raise
            else:
                result = cast(T, done)
                record.state, record.reference = "done", reference(result)
                if milestone is not None:
                    self.milestones.setdefault(milestone, workflow.now())
                self.show()
                return result
            decided = await self.ask(record, failure)
            if decided is Action.CANCEL:
                # The story ends here: `perform` is about to cancel it and to compensate.
                await workflow.wait_condition(lambda: False)
            if decided is Action.SKIP:
                record.state = "skipped"
                self.show()
                return None

    def patience(self, step: str) -> timedelta:
        """How long a step's transient failures are retried before they become a case (R126)."""
        return PATIENCE

    async def compensated(self) -> None:
        """What is left to tell once everything is undone."""

    async def gate(
        self,
        name: str,
        activity: Activity[S, R, T],
        request: Callable[[], R],
        **options: Any,
    ) -> T:
        """A step that holds what awaits it, and that nobody may skip (R67)."""
        result: T | None = await self.step(name, activity, request, gates=True, **options)
        if result is None:
            raise RuntimeError(f"{name} holds other steps and cannot be skipped")
        return result

    def follow(self, branch: Coroutine[Any, Any, Any]) -> None:
        """Start a branch that nothing waits for before the end of the story (R136)."""
        self._followers.append(asyncio.create_task(branch))

    async def reached(self, milestone: Milestone) -> None:
        """Wait until an event has reported a milestone."""
        await workflow.wait_condition(lambda: milestone in self.milestones)

    @workflow.signal
    async def business_event(self, *said: Any) -> None:
        """Something happened in a system: noted once, whatever the order or number of signals."""
        event = _envelope(said)
        self.heard(event)
        milestone = self.milestone_of(event)
        if milestone is None or not event.id or event.id in self._event_ids:
            return
        self._event_ids = [*self._event_ids, event.id][-EVENT_IDS_MAX:]
        if milestone in self.milestones:
            return
        self.milestones[milestone] = event.at or workflow.now()
        reached = MilestoneReached(milestone=milestone, business_id=self.business_id, at=event.at)
        await note(DeskActivities.record_milestone, reached)

    def heard(self, event: BusinessEvent) -> None:
        """An event came in, known or not; a process that watches looks again."""

    def milestone_of(self, event: BusinessEvent) -> Milestone | None:
        """The milestone that an event reports, if it does."""
        return self.milestones_by_event.get(event.type)

    async def _story(self) -> None:
        try:
            await self.fulfil()
            await asyncio.gather(*self._followers)
        except (asyncio.CancelledError, ActivityError):
            # Not `finally`: an evicted workflow is closed, and must not await anything then.
            for follower in self._followers:
                await ended(follower)
            raise

    async def _compensate(self) -> None:
        """Undo in reverse; each undo is a step of its own and may itself need a person."""
        await self.close_cases("the process is being cancelled")
        self.enter("cancelling")
        for record in [step for step in reversed(self.steps) if step.to_undo]:
            await self._undo(record)
        await self.compensated()
        await self._finish("cancelled")

    async def _undo(self, record: StepRecord) -> None:
        undo = record.undo
        assert undo is not None
        await self.step(
            f"undo_{record.name}",
            undo.activity,
            partial(_same, undo.request),
            connection=partial(_same, record.connection),
            reference=lambda _: undo.says,
        )
        record.state = "undone"

    async def _finish(self, stage: str) -> None:
        await self.close_cases(f"the process is {stage}")
        self.enter(stage)
        await self.record_standing()


def _envelope(said: Sequence[Any]) -> BusinessEvent:
    """The one argument of a signal; an empty envelope for whatever else was sent.

    A signal cannot be refused, and a process that raised on one would be stuck on it for good.
    """
    try:
        (body,) = said
        return BusinessEvent.model_validate(body)
    except ValueError:
        workflow.logger.warning("an event that cannot be read was dropped")
        return BusinessEvent()


def _same(value: T) -> T:
    return value


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancel a task, unless it is over, and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, ActivityError):
        await task


async def _unstoppable(work: Coroutine[Any, Any, None]) -> None:
    """Do the work to its end however often Temporal is told to cancel."""
    task = asyncio.create_task(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
