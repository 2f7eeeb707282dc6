"""What the receiver and its dispatcher need of the inbox; the ledger keeps it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from canonical.inbound import Backlog, InboundEvent, PendingEvent, Refusal, StoredEvent


class Inbox(Protocol):
    """Events stored once by `(source, event id)` until a process took them on.

    Every method raises Unavailable or Misconfigured when the ledger cannot serve.
    """

    async def store(self, event: InboundEvent) -> StoredEvent:
        """Keep an event, once."""
        ...

    async def refuse(self, refusal: Refusal) -> None:
        """Note a message that was not let in."""
        ...

    async def pending(
        self, limit: int, now: datetime, *, kinds: Collection[str] | None = None
    ) -> Sequence[PendingEvent]:
        """Claim up to `limit` events of these kinds that are due, the most urgent first."""
        ...

    async def waiting_sources(
        self, now: datetime, *, but_kinds: Collection[str] = ()
    ) -> Sequence[str]:
        """The sources of which events are due, all but some kinds."""
        ...

    async def dispatched(self, stored_id: int, /, workflow_id: str) -> None:
        """A process has taken the event on."""
        ...

    async def failed(
        self, stored_id: int, /, error: str, retry_at: datetime, dead: bool, cause: str = ""
    ) -> None:
        """The event could not be dispatched: try again at `retry_at`, or never."""
        ...

    async def backlog(self, now: datetime) -> Backlog:
        """What waits."""
        ...
