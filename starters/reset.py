"""Resets a process to an earlier point of its history; what it has done is answered from the ledger
when it does it again."""

import asyncio
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from canonical.errors import NotFound, Rejected, TielineError
from starters.launch import translated

TIMEOUT_SECONDS = 30.0
EVENTS_MAX = 51_200
_FINISHED = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
)
# From the start, decisions of people were made on cases that do not come again under their ids, and
# what ended the process is what it is to recover from.
_NOT_AGAIN = (
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST,
)


@dataclass(frozen=True)
class Point:
    """Where a run is taken back to: an event, and since when what it did is done anew."""

    run_id: str
    event_id: int
    at: datetime


async def first_point(client: Client, workflow_id: str, run_id: str) -> Point:
    """The first workflow task of a run; raises NotFound without a history."""
    return await _point(client, workflow_id, run_id, last=False)


async def last_point(client: Client, workflow_id: str, run_id: str) -> Point:
    """The last workflow task that a run completed, or its first when it completed none."""
    return await _point(client, workflow_id, run_id, last=True)


async def reset(
    client: Client, workflow_id: str, point: Point, *, reason: str, from_start: bool
) -> str:
    """Go on from a point in a new run, whose id is returned; a run that still goes is ended.

    Business events that came after the point are told again. Raises Rejected when Temporal does not
    reset it there, and what `translated` gives for everything else.
    """
    request = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=point.run_id),
        reason=reason,
        workflow_task_finish_event_id=point.event_id,
        request_id=str(uuid.uuid4()),
        reset_reapply_exclude_types=_NOT_AGAIN if from_start else (),
        identity=client.identity,
    )
    try:
        answer = await client.workflow_service.reset_workflow_execution(
            request, timeout=timedelta(seconds=TIMEOUT_SECONDS)
        )
    except (RPCError, RuntimeError) as error:
        raise _explained(error, workflow_id) from error
    return answer.run_id


async def _point(client: Client, workflow_id: str, run_id: str, *, last: bool) -> Point:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    walk = Walk(run_id)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async for event in handle.fetch_history_events(page_size=1000):
                walk.take(event)
                if (walk.first is not None and not last) or event.event_id == EVENTS_MAX:
                    break
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise _explained(error, workflow_id) from error
    found = (walk.last if last else walk.first) or walk.first or walk.begun
    if found is None:
        raise Rejected(f"{workflow_id} has not done anything yet: no worker took it on")
    return found


class Walk:
    """Goes through a history and remembers its first and its last workflow task.

    While a local activity takes its time, a task is prolonged: it completes without a word and the
    next is scheduled at once. What it did is on record only with the last of them, so all of them
    are one, from the time of the first.
    """

    def __init__(self, run_id: str) -> None:
        self.first: Point | None = None
        self.last: Point | None = None
        self.begun: Point | None = None
        self._run_id = run_id
        self._completed = 0
        self._prolonged = False

    def take(self, event: HistoryEvent) -> None:
        """The next event."""
        kind, at = event.event_type, event.event_time.ToDatetime(tzinfo=UTC)
        if kind == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
            self._prolonged = event.event_id == self._completed + 1
        elif kind == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            if not self._prolonged or self.begun is None:
                self.begun = Point(self._run_id, event.event_id, at)
        elif kind in _FINISHED and self.begun is not None:
            point = replace(self.begun, event_id=event.event_id)
            self.first = self.first or point
            if kind == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self.last, self._completed = point, event.event_id


def _explained(error: Exception, workflow_id: str) -> TielineError:
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return NotFound(f"there is no process {workflow_id}", about=workflow_id)
    if isinstance(error, RPCError) and error.status is RPCStatusCode.INVALID_ARGUMENT:
        return Rejected(f"{workflow_id} cannot be reset: {error.message}", about=workflow_id)
    return translated(error)
