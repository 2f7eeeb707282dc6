"""What processes cost of Temporal, read from their histories.

An action is what Temporal Cloud bills: a start (together with the signal that made it), each
further signal, each timer, each activity and each further attempt of it, each workflow task that
records local activities, each update of search attributes or memo, each update that was accepted,
each continue-as-new, two for a child. Queries are left out, since nobody asks here. Signals to a
process that is not there are refused and leave no trace. Skipping time is no part of it, and
neither are the events that it leaves.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

LOCAL_ACTIVITY = "core_local_activity"
SKIPPING = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
}
ONE_EACH = {
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "signals",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: "search attributes",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continue-as-new",
}
KINDS = (
    "starts", "signals", "timers", "activities", "retries", "local activities",
    "search attributes", "updates", "continue-as-new", "children",
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """The histories of one subscription's processes over its year."""

    actions: Counter[tuple[str, str]]
    events: int
    bytes: int
    longest: int


@dataclass
class Histories:
    """What the histories of several subscriptions say; of each by process and kind of action."""

    kept: list[Kept] = field(default_factory=list)

    @property
    def actions(self) -> float:
        """Actions a subscription, on average."""
        return fmean(one.actions.total() for one in self.kept)

    @property
    def actions_most(self) -> int:
        """Actions of the subscription that took most."""
        return max(one.actions.total() for one in self.kept)

    @property
    def by_kind(self) -> dict[str, dict[str, float]]:
        """Actions a subscription, by process and kind."""
        total: Counter[tuple[str, str]] = sum((one.actions for one in self.kept), Counter())
        processes = sorted({process for process, _ in total})
        return {
            process: {k: total[process, k] / len(self.kept) for k in KINDS if total[process, k]}
            for process in processes
        }

    @property
    def events(self) -> float:
        """History events a subscription, without those of skipped time."""
        return fmean(one.events for one in self.kept)

    @property
    def kilobytes(self) -> float:
        """The size of a subscription's histories, with the events of skipped time."""
        return fmean(one.bytes for one in self.kept) / 1e3

    @property
    def longest(self) -> int:
        """Events of the longest single history, with those of skipped time."""
        return max(one.longest for one in self.kept)


async def read(client: Client, workflow_ids: Iterable[str]) -> Kept:
    """Every run of these processes, which may not be there."""
    actions: Counter[tuple[str, str]] = Counter()
    events = size = longest = 0
    for workflow_id in workflow_ids:
        process = workflow_id.partition("/")[0]
        async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'"):
            handle = client.get_workflow_handle(run.id, run_id=run.run_id)
            history = [event async for event in handle.fetch_history_events()]
            counted = actions_of(history)
            actions.update({(process, kind): number for kind, number in counted.items()})
            events += sum(event.event_type not in SKIPPING for event in history)
            size += sum(event.ByteSize() for event in history)
            longest = max(longest, len(history))
    return Kept(actions, events, size, longest)


def actions_of(history: Sequence[HistoryEvent]) -> Counter[str]:
    """The actions of one run by kind."""
    found: Counter[str] = Counter()
    local: set[int] = set()
    begun = False
    for event in history:
        if kind := ONE_EACH.get(event.event_type):
            found[kind] += 1
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                start = event.workflow_execution_started_event_attributes
                elsewhere = start.continued_execution_run_id or start.HasField(
                    "parent_workflow_execution"
                )
                found["starts"] += not elsewhere
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED if not begun:
                # It came with the start, and costs nothing beside it.
                found["signals"] -= found["starts"]
                begun = True
            case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                begun = True
            case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                found["retries"] += event.activity_task_started_event_attributes.attempt - 1
            case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
                found["children"] += 2
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                marker = event.marker_recorded_event_attributes
                if marker.marker_name == LOCAL_ACTIVITY:
                    local.add(marker.workflow_task_completed_event_id)
    found["local activities"] = len(local)
    return +found
