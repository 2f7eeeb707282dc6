"""A step of a process: how an activity is called, how long it may take, how it is undone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import exceptions as temporal
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from canonical.connections import task_queue
from canonical.desk import Failure
from canonical.messages import StepState, UndoLine
from canonical.money import Money

ATTEMPT_TIMEOUT = timedelta(seconds=90)
# How long an outage may last before a person hears of it, where the catalogue does not say.
PATIENCE = timedelta(hours=4)
GATE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
FOLLOW_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(hours=1),
)
LOCAL_TIMEOUT = timedelta(seconds=30)
# In place of a connection: what only needs our own ledger runs on the processes' own queue.
OWN_QUEUE = ""


@dataclass(frozen=True)
class Undo:
    """How a step is reversed: the activity, its input and the money it releases.

    Registered before the step is tried, because a failed attempt may have left something behind.
    """

    says: str
    activity: Callable[[Any, Any], Awaitable[Any]]
    request: Any
    releases: Money | None = None


@dataclass
class StepRecord:
    """What became of a step: part of the progress, and of the plan to undo it."""

    name: str
    connection: str
    gates: bool
    state: str = "running"
    reference: str = ""
    undo: Undo | None = None

    @property
    def to_undo(self) -> bool:
        """Whether anything of the step may stand and can be reversed."""
        return self.undo is not None and self.state != "undone"

    def line(self, *, point_of_no_return: bool) -> UndoLine:
        """The step's line in a compensation plan."""
        assert self.undo is not None
        return UndoLine(
            step=self.name,
            undo=self.undo.says,
            reference=self.reference,
            releases=self.undo.releases if self.state == "done" else None,
            point_of_no_return=point_of_no_return,
        )

    def progress(self) -> StepState:
        """The step in the words of the progress query."""
        return StepState(name=self.name, state=self.state, reference=self.reference)


async def attempt(
    activity: Callable[[Any, Any], Awaitable[Any]],
    request: Any,
    *,
    connection: str,
    gates: bool,
    patience: timedelta,
    summary: str,
) -> Any:
    """Run an activity on its connection's queue until it succeeds or patience ends."""
    return await workflow.execute_activity_method(
        activity,
        request,
        task_queue=None if connection == OWN_QUEUE else task_queue(connection),
        start_to_close_timeout=ATTEMPT_TIMEOUT,
        schedule_to_close_timeout=patience,
        retry_policy=GATE_RETRY if gates else FOLLOW_RETRY,
        summary=summary,
    )


async def note(activity: Callable[[Any, Any], Awaitable[Any]], request: Any) -> Any:
    """Run a desk activity, however long the ledger is away: there is no process without it.

    Local, since it only writes to our own ledger and may be repeated.
    """
    return await workflow.execute_local_activity_method(
        activity,
        request,
        start_to_close_timeout=LOCAL_TIMEOUT,
    )


def failure_of(error: ActivityError) -> Failure | None:
    """What a failed step means for the desk; None when the step was cancelled."""
    cause = error.cause
    if isinstance(cause, temporal.CancelledError):
        return None
    if isinstance(cause, ApplicationError):
        evidence: dict[str, Any] = cause.details[0] if cause.details else {}
        kind = cause.type or "Unexpected"
        return Failure(
            cause=kind,
            cause_key=str(evidence.get("cause_key", kind)),
            message=cause.message[:500],
            details=evidence.get("details", {}),
        )
    if isinstance(cause, temporal.TimeoutError):
        return Failure(
            cause="Unavailable",
            cause_key=f"Unavailable:{error.activity_type}",
            message=f"{error.activity_type} gave no answer in time",
        )
    return Failure(cause="Unexpected", cause_key="Unexpected", message=str(cause or error)[:500])
