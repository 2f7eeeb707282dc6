"""Where the reading of Stripe's event list stands: an event, or a moment; pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from canonical.errors import CursorExpired

KEPT = timedelta(days=30)
# The list is told to be kept for 30 days; what lies at the edge may be gone when it is asked for.
EDGE = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """The newest event that was read and when it was made; without one, a moment to start from."""

    at: datetime
    event_id: str = ""

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """A cursor of ours back; raises CursorExpired for anything else, which leads nowhere."""
        stamp, _, event_id = cursor.partition(" ")
        if not (stamp.isascii() and stamp.isdigit()):
            raise CursorExpired("the cursor is not one of Stripe's event list")
        return cls(datetime.fromtimestamp(int(stamp), UTC), event_id)

    def __str__(self) -> str:
        return f"{self.stamp} {self.event_id}".rstrip()

    @property
    def stamp(self) -> int:
        """The moment in whole seconds, as Stripe counts."""
        return int(self.at.timestamp())

    def is_kept(self, now: datetime) -> bool:
        """Whether Stripe still has all that came after it."""
        return now - self.at <= KEPT - EDGE

    def require_kept(self, now: datetime) -> None:
        """Raise CursorExpired when Stripe may have forgotten what came after it."""
        if not self.is_kept(now):
            raise CursorExpired(
                f"Stripe keeps events for {KEPT.days} days, the cursor is from {self.at:%Y-%m-%d}"
            )
