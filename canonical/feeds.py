"""Change feeds, the inbox's hints and the records they are about, as intake needs them kept."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from canonical.facts import AnyFacts
from canonical.inbound import InboundEvent, PendingEvent, Refusal
from canonical.orders import Fact
from canonical.ports.events import ChangePage


class Cursor(Fact):
    """Our place in one change feed: everything up to `read_up_to` (the source's time) is stored.

    `expired_at` is when the feed last forgot our place; what changed from `gap_from` on was then
    read from the records themselves. `heard_since` is since when a bus is listened to here; a feed
    that is polled has none.
    """

    connection: str
    stream: str
    cursor: str
    read_up_to: datetime
    polled_at: datetime
    stored: int
    error: str = ""
    expired_at: datetime | None = None
    gap_from: datetime | None = None
    heard_since: datetime | None = None


class Count(Fact):
    """How many subjects a feed told of a window, and how many of them the inbox lacks."""

    connection: str
    stream: str
    since: datetime
    until: datetime
    told: int
    missing: int
    examples: list[str]
    counted_at: datetime


class Taken(Fact):
    """What became of a hint: the inbox's state of it, and the ids of the events that were new."""

    state: str
    events: list[str] = []


class Feeds(Protocol):
    """Our places in change feeds, and what was counted of them."""

    async def cursor(self, connection: str, stream: str) -> Cursor | None:
        """Our place in a feed; None before the first poll."""
        ...

    async def keep(self, connection: str, stream: str, page: ChangePage) -> int:
        """Store a page and our place after it, both or neither; how many events were new."""
        ...

    async def store(self, events: Sequence[InboundEvent]) -> int:
        """Store events that no cursor follows from; how many were new."""
        ...

    async def refuse(self, refusal: Refusal) -> None:
        """Note what was not let in."""
        ...

    async def failed(self, connection: str, stream: str, error: str) -> None:
        """The feed could not be read; our place stays."""
        ...

    async def expired(self, connection: str, stream: str, gap_from: datetime) -> None:
        """The feed forgot our place; on record, with where the gap begins."""
        ...

    async def missing(self, connection: str, census: Mapping[str, str]) -> dict[str, str]:
        """What of a census the inbox has not, with that version or a later one."""
        ...

    async def counted(
        self,
        connection: str,
        stream: str,
        since: datetime,
        until: datetime,
        told: int,
        missing: Mapping[str, str],
    ) -> None:
        """Keep the outcome of a count."""
        ...

    async def last_count(self, connection: str, stream: str) -> Count | None:
        """The newest window that was counted."""
        ...


class Hints(Protocol):
    """The hints of the inbox that wait for their record to be read."""

    async def pending(
        self,
        limit: int,
        now: datetime | None = None,
        *,
        source: str | None = None,
        kinds: Collection[str] | None = None,
        but_kinds: Collection[str] = (),
        together: bool = False,
    ) -> list[PendingEvent]:
        """Claim hints that are due, the most urgent first; `together` with what else is due about
        the same records."""
        ...

    async def failed(
        self, event_id: int, error: str, retry_at: datetime, dead: bool = False, cause: str = ""
    ) -> None:
        """It could not be taken in: due again at `retry_at`, or set aside for a person."""
        ...

    async def put_off(self, event_id: int, error: str, retry_at: datetime, cause: str) -> None:
        """What is wrong is not the hint's fault: due again at `retry_at`, as if not tried."""
        ...


class Records(Protocol):
    """The newest read of every record."""

    async def versions(self, connection: str, hints: Collection[PendingEvent]) -> dict[int, str]:
        """The known version of each hint's record, by the hint's id; unknown ones left out."""
        ...

    async def stale(self, hint: PendingEvent, known: str) -> None:
        """A newer version is known: the hint is on record, without effect."""
        ...

    async def ignore(self, hint: PendingEvent) -> None:
        """Its record is none of ours: the hint is on record, and nothing follows."""
        ...

    async def take(self, hint: PendingEvent, facts: AnyFacts, *others: PendingEvent) -> Taken:
        """Keep a read and tell what happened since the one before, in one transaction; other hints
        of the same record are answered by the same read."""
        ...
