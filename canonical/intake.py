"""What intake asks for and is told: polls, hints taken in, and concerns about what did not come."""

from datetime import datetime
from enum import StrEnum

from canonical.errors import (
    ClockUnkept,
    CountMismatch,
    CursorBehind,
    DeadLetters,
    EventMissing,
    NeedsPerson,
)
from canonical.money import Money
from canonical.orders import Fact

# The workflows of intake: one poll and one taker at a time for each connection.
POLL = "event-poll"
TAKER = "event-intake"
WATCH = "intake-watch"
ALARM = "intake-alarm"

WATCH_ID = WATCH


def poll_id(connection: str) -> str:
    """The schedule, and the workflow it starts, that asks a connection what changed."""
    return f"{POLL}/{connection}"


def taker_id(connection: str) -> str:
    """The workflow that takes in what a connection told."""
    return f"{TAKER}/{connection}"


class ConnectionRef(Fact):
    """Names a connection."""

    connection: str


class Polled(Fact):
    """What a poll brought: how much was new, and whether our place had been forgotten."""

    new: int = 0
    backfilled: int = 0
    expired: list[str] = []
    more: bool = False


class Counted(Fact):
    """What a count found: subjects told by the source, and those the inbox still lacks."""

    told: int = 0
    missing: int = 0


class TakenIn(Fact):
    """What became of some hints: `left` says that more wait now."""

    recorded: int = 0
    stale: int = 0
    ignored: int = 0
    failed: int = 0
    dead: int = 0
    left: bool = False


class ConcernKind(StrEnum):
    """Why somebody has to look at intake."""

    CURSOR_BEHIND = "cursor-behind"
    CURSOR_EXPIRED = "cursor-expired"
    COUNT_MISMATCH = "count-mismatch"
    EVENT_MISSING = "event-missing"
    DEAD_LETTERS = "dead-letters"
    CLOCK_UNKEPT = "clock-unkept"


CAUSES: dict[ConcernKind, type[NeedsPerson]] = {
    ConcernKind.CURSOR_BEHIND: CursorBehind,
    ConcernKind.CURSOR_EXPIRED: CursorBehind,
    ConcernKind.COUNT_MISMATCH: CountMismatch,
    ConcernKind.EVENT_MISSING: EventMissing,
    ConcernKind.DEAD_LETTERS: DeadLetters,
    ConcernKind.CLOCK_UNKEPT: ClockUnkept,
}


class Concern(Fact):
    """Something that should have come in has not, or has been given up; the same concern has the
    same `id` until it has healed.

    `about` is a connection and stream, an expectation and a process, or a direction and a source or
    target. `until` is up to when it tells what is the matter.
    """

    id: str
    kind: ConcernKind
    about: str
    message: str
    connection: str = ""
    stream: str = ""
    since: datetime | None = None
    until: datetime | None = None
    expectation: str = ""
    workflow_id: str = ""
    account_id: str = ""
    account_name: str = ""
    legal_entity: str = ""
    held: Money | None = None


class Concerns(Fact):
    """All concerns of this moment."""

    concerns: list[Concern] = []


def alarm_id(concern: Concern) -> str:
    """The process that a concern is: one alarm, however often the watch sees it."""
    return f"{ALARM}/{concern.id}"


class AlarmResult(Fact):
    """How an alarm ended: `completed` when it healed or was acknowledged."""

    stage: str
    skipped: bool = False
