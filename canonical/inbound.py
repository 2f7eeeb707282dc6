"""What comes in from other systems, before anything is done about it: record, then act."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from canonical.connections import Environment
from canonical.orders import Fact

NORMAL_PRIORITY = 3
BACKFILL_PRIORITY = 5


class Channel(StrEnum):
    """How an event reached us."""

    WEBHOOK = "webhook"
    POLL = "poll"
    STREAM = "stream"
    FILE = "file"
    BACKFILL = "backfill"


class InboundEvent(Fact):
    """One event as received; `(source, event_id)` identifies it however often it is delivered.

    It is a hint: the record itself is read again before anything follows from it (R60). `source` is
    the connection's name and `type` the sender's own word. `kind` and `subject` say which record
    changed (`canonical.facts.Kind`); an event of no kind is kept and ignored. `version` is the
    record's version as the sender states it, comparable as text; empty where it states none. `body`
    is what was received, to the byte.
    """

    source: str
    event_id: str = Field(min_length=1, max_length=255)
    type: str
    kind: str = ""
    subject: str = ""
    version: str = ""
    channel: Channel = Channel.WEBHOOK
    priority: int = Field(default=NORMAL_PRIORITY, ge=1, le=5)
    occurred_at: datetime | None = None
    environment: Environment
    body: bytes
    received_at: datetime


class StoredEvent(Fact):
    """Where an event was stored, and whether it was new."""

    id: int
    new: bool


class PendingEvent(InboundEvent):
    """A stored event that is claimed for dispatch; `attempts` includes this one."""

    id: int
    attempts: int


class Refusal(Fact):
    """A message that was not let in: who sent it and why; of its body only digest and size."""

    source: str
    reason: str
    code: str
    remote: str
    body_digest: str
    body_bytes: int
    event_id: str = ""
    at: datetime


class WebhookRefused(Exception):
    """A message that is not let in; `code` is one of a vendor's few reasons, for counting.

    Neither code nor message repeats anything of the body or of a secret.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Backlog(Fact):
    """What waits in the inbox: how many events, for how long the oldest, how many are set aside."""

    pending: int
    oldest_seconds: float = 0.0
    dead: int = 0
