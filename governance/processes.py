"""`processes.toml` and `events.toml`: what runs, what starts it, who owns it (R28, R99, R102)."""

from typing import Annotated

from pydantic import Field

from canonical.connections import Role
from governance.section import Key, RoleName, Section

EventType = Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$")]


class Process(Section):
    """A business process: its owner, the event that starts it and its objective."""

    name: str
    owner: RoleName
    trigger: EventType
    objective_minutes: int = Field(gt=0)


class Processes(Section):
    """All processes, by workflow type."""

    processes: dict[Key, Process]


class Event(Section):
    """An event type: version, the role it comes from, its owner and its meaning."""

    version: int = Field(gt=0)
    source: Role
    owner: RoleName
    meaning: str = Field(min_length=1)


class Events(Section):
    """All event types, named `noun.past_verb`."""

    events: dict[EventType, Event]
