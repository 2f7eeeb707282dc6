"""What a system says of one record now: the authoritative read that follows every hint (R60).

Facts are what decisions are made from. `version` orders two reads of one record; it is the vendor's
own change stamp as text that sorts (UTC, ISO 8601), never the time of our reading.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from canonical.money import Money
from canonical.orders import Fact


class Kind(StrEnum):
    """The kinds of records that other systems tell us about; a dispute is the bank's doubt about a
    payment, and shows on the invoice that was paid."""

    OPPORTUNITY = "opportunity"
    INVOICE = "invoice"
    CONTRACT = "contract"
    CASE = "case"
    ONBOARDING = "onboarding"
    TASK = "task"
    DISPUTE = "dispute"


# What is told of a kind without facts of its own is learned by reading a record of another kind.
READ_AS: Mapping[str, Kind] = {Kind.DISPUTE: Kind.INVOICE}


class SubjectFacts(Fact):
    """Common to all kinds; `account_id` and `opportunity_id` are the CRM's ids, where the record
    carries them, and empty where it does not."""

    id: str = Field(min_length=1)
    version: str
    changed_at: datetime
    account_id: str = ""
    opportunity_id: str = ""
    legal_entity: str = ""


class OpportunityFacts(SubjectFacts):
    """A deal, as far as its events go; the whole order is read by the process that it starts."""

    kind: Literal[Kind.OPPORTUNITY] = Kind.OPPORTUNITY
    is_won: bool
    amount: Money | None = None


class InvoiceStatus(StrEnum):
    """Where an invoice stands in the system that issued it."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class InvoiceFacts(SubjectFacts):
    """An invoice; `remaining` is what is still to be paid, credits deducted.

    `past_due` is the system's own word that the due date has passed, which by its clock may be
    before the day is over everywhere. `failed_payments` counts the attempts to collect what is
    still open that were refused.
    """

    kind: Literal[Kind.INVOICE] = Kind.INVOICE
    number: str = ""
    contract_id: str = ""
    status: InvoiceStatus
    total: Money
    paid: Money
    remaining: Money
    due_on: date | None = None
    posted_at: datetime | None = None
    paid_at: datetime | None = None
    disputed: bool = False
    past_due: bool = False
    failed_payments: int = 0


class ContractFacts(SubjectFacts):
    """A subscription or contract; `terms_digest` identifies what is delivered at which price.

    `value` is that of the whole term, as the system adds it up; None where it states none.
    """

    kind: Literal[Kind.CONTRACT] = Kind.CONTRACT
    status: str
    terms_digest: str
    value: Money | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class CaseFacts(SubjectFacts):
    """A support case; `escalated` is the support team's own mark."""

    kind: Literal[Kind.CASE] = Kind.CASE
    status: str
    severity: str = ""
    escalated: bool = False
    opened_at: datetime | None = None
    solved_at: datetime | None = None


class OnboardingFacts(SubjectFacts):
    """An onboarding (implementation) in customer success."""

    kind: Literal[Kind.ONBOARDING] = Kind.ONBOARDING
    status: str
    completed: bool = False
    completed_at: datetime | None = None


class TaskFacts(SubjectFacts):
    """A task of an onboarding; a completed one is a milestone with `name`."""

    kind: Literal[Kind.TASK] = Kind.TASK
    name: str
    onboarding_id: str = ""
    status: str
    completed: bool = False
    completed_at: datetime | None = None


AnyFacts = Annotated[
    OpportunityFacts | InvoiceFacts | ContractFacts | CaseFacts | OnboardingFacts | TaskFacts,
    Field(discriminator="kind"),
]
FACTS: TypeAdapter[AnyFacts] = TypeAdapter(AnyFacts)
