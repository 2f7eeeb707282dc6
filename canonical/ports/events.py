"""Events: what changed in a system, told page by page, and the record as it is now."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from canonical.facts import AnyFacts
from canonical.inbound import InboundEvent
from canonical.orders import Fact


class ChangePage(Fact):
    """Some changes in the system's own order, and where to continue.

    `cursor` is opaque to everybody but the adapter and is only kept once the changes are stored.
    `read_up_to` is the source's time up to which nothing is missing.
    """

    events: list[InboundEvent]
    cursor: str
    read_up_to: datetime
    more: bool = False


class EventsPort(Protocol):
    """A system as a source of events, whatever its role (R34, R40, R53-R55).

    Every method raises the errors of `canonical.errors` and no others.
    """

    def streams(self) -> list[str]:
        """The names of the change feeds that are polled, each with a cursor of its own."""
        ...

    def start(self, stream: str, since: datetime) -> str:
        """The cursor from which everything that changed at or after `since` is told."""
        ...

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page after a cursor; the same change may be told again, under the same event id.

        Raises CursorExpired when the system no longer knows the cursor or no longer keeps what
        came after it.
        """
        ...

    def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """A hint for each record that changed in the window, by reading the records themselves: the
        way back when the feed has forgotten."""
        ...

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """Every subject that changed in the window, with its newest version there: what the inbox
        is counted against."""
        ...

    async def read(self, event: InboundEvent) -> AnyFacts | None:
        """The record that a hint is about, as it is now; None for one that is there and is none of
        ours. Raises NotFound when it is gone and Malformed when it cannot be understood."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
