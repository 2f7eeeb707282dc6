"""An inbox with memory, for tests of what stands around it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from canonical.errors import Unavailable
from canonical.inbound import Backlog, InboundEvent, PendingEvent, Refusal, StoredEvent

CLAIM_SECONDS = 30


@dataclass
class Row:
    """One stored event and what became of it."""

    id: int
    event: InboundEvent
    due_at: datetime
    state: str = "pending"
    attempts: int = 0
    workflow_id: str = ""
    error: str = ""


@dataclass
class MemoryInbox:
    """Stores once by `(source, event id)`; `down` makes it refuse, as a lost database would."""

    rows: list[Row] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    down: bool = False

    def _serve(self) -> None:
        if self.down:
            raise Unavailable("the ledger does not answer")

    async def store(self, event: InboundEvent) -> StoredEvent:
        """Keep an event, once."""
        self._serve()
        for row in self.rows:
            if (row.event.source, row.event.event_id) == (event.source, event.event_id):
                return StoredEvent(id=row.id, new=False)
        self.rows.append(Row(len(self.rows) + 1, event, event.received_at))
        return StoredEvent(id=len(self.rows), new=True)

    async def refuse(self, refusal: Refusal) -> None:
        """Note a refusal."""
        self._serve()
        self.refusals.append(refusal)

    def _due(self, now: datetime) -> list[Row]:
        self._serve()
        return [row for row in self.rows if row.state == "pending" and row.due_at <= now]

    async def waiting_sources(self, now: datetime, *, but_kinds: Collection[str] = ()) -> list[str]:
        """Whose hints are due."""
        return sorted({r.event.source for r in self._due(now) if r.event.kind not in but_kinds})

    async def pending(
        self, limit: int, now: datetime, *, kinds: Collection[str] | None = None
    ) -> list[PendingEvent]:
        """Claim what is due."""
        due = [r for r in self._due(now) if kinds is None or r.event.kind in kinds][:limit]
        for row in due:
            row.attempts += 1
            row.due_at = now + timedelta(seconds=CLAIM_SECONDS)
        return [
            PendingEvent(id=row.id, attempts=row.attempts, **row.event.model_dump()) for row in due
        ]

    async def dispatched(self, stored_id: int, /, workflow_id: str) -> None:
        """A process took it on."""
        self._serve()
        row = self.rows[stored_id - 1]
        row.state, row.workflow_id = "dispatched", workflow_id

    async def failed(
        self, stored_id: int, /, error: str, retry_at: datetime, dead: bool, cause: str = ""
    ) -> None:
        """Try again later, or never."""
        self._serve()
        row = self.rows[stored_id - 1]
        row.error, row.due_at = error, retry_at
        row.state = "dead" if dead else "pending"

    async def backlog(self, now: datetime) -> Backlog:
        """What waits."""
        self._serve()
        waiting = [row.event.received_at for row in self.rows if row.state == "pending"]
        oldest = (now - min(waiting)).total_seconds() if waiting else 0.0
        return Backlog(pending=len(waiting), oldest_seconds=oldest)
