"""`processes.toml`: what runs, what starts it and who owns it (R28, R102)."""

from enum import StrEnum

from pydantic import Field

from governance.events import EventType
from governance.section import Key, RoleName, Section


class Per(StrEnum):
    """What there is one process for."""

    OPPORTUNITY = "opportunity"
    ACCOUNT = "account"
    CONTRACT = "contract"


class Process(Section):
    """A business process: its owner, the event that starts it, what there is one for, and its
    objective."""

    name: str
    owner: RoleName
    trigger: EventType
    per: Per = Per.OPPORTUNITY
    objective_minutes: int = Field(gt=0)


class Processes(Section):
    """All processes, by workflow type."""

    processes: dict[Key, Process]
