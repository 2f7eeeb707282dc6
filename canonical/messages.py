"""What processes are started with, told and asked; every new field has a default."""

from datetime import UTC, datetime
from typing import Any

from pydantic import Field, field_validator

from canonical.desk import ExceptionCase
from canonical.ids import digest
from canonical.milestones import Milestone
from canonical.money import Money
from canonical.orders import Fact


class QuoteToCashInput(Fact):
    """Starts quote-to-cash: only names the deal, since the authoritative order is fetched (R60)."""

    crm: str
    opportunity_id: str

    def digest(self) -> str:
        """Identifies the input, so that another body under the same workflow id is noticed."""
        return digest(self)


class QuoteToCashResult(Fact):
    """How a quote-to-cash ended: `completed` or `cancelled`, with what stands in each system."""

    stage: str
    opportunity_id: str
    total: Money | None = None
    references: dict[str, str] = {}
    skipped: list[str] = []


class BusinessEvent(Fact):
    """The one permissive envelope that events reach a process in; checked inside the workflow.

    Every field has a default because a signal that cannot be decoded would be dropped silently; a
    time without an offset is taken as UTC.
    """

    version: int = 1
    id: str = ""
    type: str = ""
    subject: str = ""
    at: datetime | None = None
    body: dict[str, Any] = {}

    @field_validator("at")
    @classmethod
    def _aware(cls, at: datetime | None) -> datetime | None:
        return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


class UndoLine(Fact):
    """One step of a compensation plan: what would be undone, and the money it releases."""

    step: str
    undo: str
    reference: str = ""
    releases: Money | None = None
    point_of_no_return: bool = False


class CompensationPlan(Fact):
    """What a cancellation would do, in the order it would do it; the digest is what is approved."""

    lines: list[UndoLine]
    releases: Money | None = None
    digest: str


class CancelRequest(Fact):
    """A person's decision to cancel, on the plan they were shown."""

    actor: str = Field(min_length=1, max_length=100)
    reason: str = Field(default="", max_length=500)
    plan_digest: str


class StepState(Fact):
    """One step in a process's progress."""

    name: str
    state: str  # waiting | running | done | exception | skipped | undone | parked
    reference: str = ""


class Progress(Fact):
    """Where a process stands, for people and programs."""

    process: str
    stage: str
    business_id: str
    account_name: str = ""
    legal_entity: str = ""
    value: Money | None = None
    steps: list[StepState] = []
    milestones: dict[Milestone, datetime] = {}
    cases: list[ExceptionCase] = []
