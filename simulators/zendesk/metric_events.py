"""The metric events of tickets: when clocks of reply, agent work and requester wait ran.

A breach is told when a service-level policy's target is missed; the simulator has no such clocks,
so it is said by whoever controls it.
"""

from collections import defaultdict
from typing import Any

Record = dict[str, Any]

METRICS = ("reply_time", "agent_work_time", "requester_wait_time")


class MetricEvents:
    """What happened to each ticket's metrics, in order."""

    def __init__(self) -> None:
        self._of: dict[int, list[Record]] = defaultdict(list)
        self._number = 926_232_157_300

    def note(self, ticket_id: int, metric: str, kind: str, time: str, **more: Any) -> Record:
        """Add an event of a type (activate, pause, fulfill, breach, ...)."""
        self._number += 1
        event: Record = {
            "id": self._number, "ticket_id": ticket_id, "metric": metric, "instance_id": 1,
            "type": kind, "time": time, **more,
        }  # fmt: skip
        self._of[ticket_id].append(event)
        return event

    def opened(self, ticket_id: int, time: str) -> None:
        """All clocks start."""
        for metric in METRICS:
            self.note(ticket_id, metric, "activate", time)

    def solved(self, ticket_id: int, time: str) -> None:
        """The clocks that a solution stops."""
        for metric in METRICS[1:]:
            self.note(ticket_id, metric, "fulfill", time)

    def of(self, ticket_id: int) -> list[Record]:
        """The events of one ticket."""
        return list(self._of[ticket_id])
