"""The exception desk: cases with an owner, the money they hold and a deadline, and how they end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import Field, SerializeAsAny

from canonical.effects import ProcessRef
from canonical.events import EventData
from canonical.milestones import Milestone
from canonical.money import Money
from canonical.orders import Fact

REASON_CHARACTERS_MAX = 500


class Action(StrEnum):
    """What a person can decide on a case."""

    RETRY = "retry"
    AMEND = "amend"
    SKIP = "skip"
    CANCEL = "cancel"


# Stages that every process knows: a person is to decide something, and it came to its end.
EXCEPTION, COMPLETED = "exception", "completed"


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    AWAITING_APPROVAL = "awaiting_approval"
    RESOLVED = "resolved"


class Failure(Fact):
    """A step's failure as the workflow saw it: what is true, of what, and the evidence."""

    cause: str
    cause_key: str
    message: str
    details: dict[str, Any] = {}


class CaseOpening(Fact):
    """What the workflow knows when a step fails for good; the desk adds owner, deadline, policy.

    `opened_at` is the process's own time, which the deadline counts from: the process is what waits
    for it, and its clock may stand behind ours (a worker was down) or far ahead (a test).
    """

    case_id: str
    process: ProcessRef
    step: str
    gates: bool
    failure: Failure
    account_id: str = ""
    account_name: str = ""
    legal_entity: str = ""
    held: Money | None = None
    facts_digest: str = ""
    opened_at: datetime | None = None


class ExceptionCase(CaseOpening):
    """An open exception. Approvals bind to `evidence_digest` and expire when the facts change."""

    owner: str
    deadline: datetime
    actions: list[Action]
    approvals_required: int = 1
    evidence_digest: str
    escalations: int = 0


class Resolution(Fact):
    """A person's decision on a case; `evidence_digest` is the evidence it was made on.

    `amendment` is the process's own correction model as JSON (`OrderAmendment` for orders).
    """

    case_id: str
    action: Action
    actor: str = Field(min_length=1, max_length=100)
    reason: str = Field(default="", max_length=REASON_CHARACTERS_MAX)
    amendment: dict[str, Any] = {}
    evidence_digest: str


class Attempt(Fact):
    """A resolution as it was received, and what was made of it; refused ones are kept too."""

    case_id: str
    process: ProcessRef
    resolution: Resolution
    accepted: bool
    outcome: str
    state: CaseState


class ResolutionOutcome(Fact):
    """The desk's answer to a resolution."""

    accepted: bool
    outcome: str
    state: CaseState


class ProcessRecord(Fact):
    """Where one process stands: the row that lists and counts are made from."""

    process: ProcessRef
    business_id: str
    stage: str
    account_id: str = ""
    account_name: str = ""
    legal_entity: str = ""
    value: Money | None = None
    reason: str = ""


class DeskPolicy(Protocol):
    """What the catalogue decides of a case; levels count escalations, 0 is the first owner."""

    def owner_of(self, cause: str, step: str) -> str:
        """Who answers for this cause at this step; every case has an owner (R103, R155)."""
        ...

    def escalation_owner(self, cause: str, step: str, level: int) -> str:
        """Who answers after `level` missed deadlines; the last in the chain keeps it."""
        ...

    def deadline(self, cause: str, step: str, level: int) -> timedelta:
        """How long the owner of this level has."""
        ...

    def actions_for(self, cause: str, step: str, gates: bool) -> list[Action]:
        """What a person may decide; a gating step is never skipped (R67)."""
        ...

    def approvals_required(self, held: Money | None) -> int:
        """How many people must agree, by the money that the case holds."""
        ...


class Announcement(Fact):
    """What is told to others of a milestone: an event's data, and whose it is."""

    data: SerializeAsAny[EventData]
    subject: str
    legal_entity: str = ""


class Desk(Protocol):
    """Keeps cases, decisions, milestones and where each process stands."""

    async def open_case(self, opening: CaseOpening) -> ExceptionCase:
        """File a case (or return the one filed under this id), with the catalogue's owner, deadline
        and policy."""
        ...

    async def escalate(
        self, case_id: str, level: int | None = None, at: datetime | None = None
    ) -> ExceptionCase:
        """The deadline passed: hand the case to the next owner with a new deadline, from `at` on.

        `level` is the escalation meant (`case.escalations + 1`); asking for one that was made
        already changes nothing, so that a repeated activity does not escalate twice."""
        ...

    async def revise(self, case_id: str, facts_digest: str) -> ExceptionCase:
        """The facts changed: new evidence digest; approvals given so far are void."""
        ...

    async def record_attempt(self, attempt: Attempt) -> None:
        """Keep a resolution and its outcome; an accepted final one closes the case."""
        ...

    async def record_milestone(
        self,
        process: ProcessRef,
        milestone: Milestone,
        business_id: str,
        at: datetime,
        announcement: Announcement | None = None,
    ) -> None:
        """Note that a milestone was reached, and announce it; the first time counts."""
        ...

    async def record_process(self, record: ProcessRecord) -> None:
        """Note where a process stands now."""
        ...

    async def keep_evidence(self, bodies: Sequence[Any]) -> list[str]:
        """Store evidence bodies; returns their digests."""
        ...
