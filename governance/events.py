"""`events.toml`: every canonical event, who owns, tells and takes it, and how long it is kept (R53,
R54, R56, R99)."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from canonical.connections import Role
from canonical.facts import READ_AS, Kind
from canonical.inbound import NORMAL_PRIORITY
from governance.section import Key, RoleName, Section

# What is over without ending in -ed; `overdue` is how finance says that a date has passed.
IRREGULAR = frozenset({"begun", "found", "lost", "made", "overdue", "paid", "sent", "sold", "won"})
# What tells an event, where no process does: a read of a record, or a write of ours that stands.
INTAKE, EFFECTS = "intake", "effects"


def _in_the_past(name: str) -> str:
    verb = name.rpartition(".")[2].rpartition("_")[2]
    if not verb.endswith("ed") and verb not in IRREGULAR:
        raise ValueError(f"{name!r} does not end with a verb in the past, as invoice.posted does")
    return name


EventType = Annotated[
    str,
    Field(pattern=r"^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$", max_length=80),
    AfterValidator(_in_the_past),
]


class Status(StrEnum):
    """Where an event type stands: a draft may still change, the others are released."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class Event(Section):
    """An event type.

    `source` is the role of the system in which it happens; none where any may be. `producer` is
    `intake`, `effects` or a process, `consumers` are processes and roles. `kind` is the kind of
    record whose reading tells it. `priority` is Temporal's (1 first, 5 last). From the
    day `deprecated_on` nobody should begin to use it.
    """

    version: int = Field(gt=0)
    meaning: str = Field(min_length=1)
    owner: RoleName
    source: Role | None = None
    producer: Key
    consumers: list[Key] = []
    kind: Kind | None = None
    priority: int = Field(default=NORMAL_PRIORITY, ge=1, le=5)
    data_classes: list[Key] = Field(min_length=1)
    retention_days: int = Field(gt=0, le=36_525)
    status: Status = Status.ACTIVE
    deprecated_on: date | None = None
    replaced_by: EventType | None = None

    @model_validator(mode="after")
    def _deprecation_is_dated(self) -> Self:
        leaving = self.status in (Status.DEPRECATED, Status.RETIRED)
        if leaving and self.deprecated_on is None:
            raise ValueError(f"a {self.status} event needs deprecated_on = 2027-01-31")
        if not leaving and self.replaced_by is not None:
            raise ValueError(f"an event with replaced_by is not {self.status} any more")
        return self

    @property
    def released(self) -> bool:
        """Whether somebody may rely on it, so that its schema only gains optional fields."""
        return self.status is not Status.DRAFT


class Events(Section):
    """All event types, named `noun.past_verb`."""

    events: dict[EventType, Event]

    @model_validator(mode="after")
    def _replacements_exist(self) -> Self:
        for name, event in self.events.items():
            successor = event.replaced_by
            if successor is None:
                continue
            if successor == name or successor not in self.events:
                raise ValueError(f"events.{name}.replaced_by names {successor!r}, no other event")
        return self

    def priority_of(self, kind: str) -> int:
        """The priority of a hint about a kind of record: that of the most urgent event it may tell;
        the normal one where no event follows from the kind."""
        read = READ_AS.get(kind, kind)
        following = [event.priority for event in self.events.values() if event.kind == read]
        return min(following, default=NORMAL_PRIORITY)

    def consumed_by(self, consumer: str) -> list[str]:
        """The event types that a process or role takes."""
        return [name for name, event in self.events.items() if consumer in event.consumers]
