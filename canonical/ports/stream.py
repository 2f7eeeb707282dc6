"""Where canonical events go: the stream that everybody reads, and endpoints that subscribed."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from canonical.events import OutboxEvent
from canonical.orders import Fact


class Delivery(Fact):
    """How an endpoint took an event; delivered when there is no `cause`.

    `status` is the HTTP status, None without an answer; `cause` is `http_500`, `http_410` or the
    name of a canonical error; `gone`: the endpoint wants no more events at all; `lasting`: asking
    again will hardly help.
    """

    status: int | None = None
    cause: str = ""
    error: str = ""
    gone: bool = False
    lasting: bool = False
    retry_after_seconds: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the endpoint has the event."""
        return not self.cause


class Publisher(Protocol):
    """The stream. Every method raises the errors of `canonical.errors` and no others."""

    async def publish(self, events: Sequence[OutboxEvent]) -> Mapping[str, str]:
        """Put events into the stream in their order, each once by its id.

        Answers with the ids that the stream will never take, and why; all others are stored. When
        it raises, some may be stored: publish the same again.
        """
        ...

    async def publish_again(self, event: OutboxEvent, suffix: str = "") -> bool:
        """Put an event into the stream once more; False when the stream dropped it as a duplicate.

        A `suffix` makes it another message to the stream; the event in it keeps its id.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class Endpoint(Protocol):
    """A subscriber of events."""

    async def deliver(self, event: OutboxEvent) -> Delivery:
        """Deliver an event once; says how it went instead of raising."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
