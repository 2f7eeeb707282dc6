"""Canonical events: what happened, in our own words, for whoever subscribes (R40, R53, R54, R93).

Each type has one data model a version. A released version only ever gains optional fields; anything
else is a new version beside it. The catalogue (`events.toml`) says who owns, makes and takes each.
"""

from datetime import UTC, date
from typing import Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from canonical.connections import Environment
from canonical.money import Money
from canonical.orders import Fact


class EventData(BaseModel):
    """Base of the data of every event: closed for whoever writes it, so that a misspelt field is
    noticed here and not by a consumer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CustomerCreated(EventData):
    """A customer's record came to stand in a system."""

    account_id: str
    connection: str
    external_id: str


class OpportunityClosedWon(EventData):
    """A deal was won and its order accepted."""

    opportunity_id: str
    account_id: str
    total: Money


class ContractActivated(EventData):
    """The subscription of an order is active in the system that owns it."""

    opportunity_id: str
    connection: str
    external_id: str


class ContractAmended(EventData):
    """What a contract delivers, or at which price, has changed.

    `value` is what the contract is worth over its whole term after the amendment, `value_before`
    what it was worth by the read before, both as the owner of contracts adds them up; null where a
    read stated none. A contract that ends keeps the value that it had.
    """

    connection: str
    external_id: str
    status: str
    value: Money | None = None
    value_before: Money | None = None
    account_id: str = ""
    opportunity_id: str = ""


class InvoicePosted(EventData):
    """An invoice was finalized: it is a receivable now."""

    connection: str
    external_id: str
    total: Money
    remaining: Money
    number: str = ""
    due_on: date | None = None
    account_id: str = ""
    opportunity_id: str = ""


class InvoiceOverdue(EventData):
    """An invoice was not paid in full by its due date."""

    connection: str
    external_id: str
    remaining: Money
    due_on: date
    number: str = ""
    account_id: str = ""
    opportunity_id: str = ""


class InvoiceAdjusted(EventData):
    """What is to be paid of an invoice has changed otherwise than by a payment: a credit, a void, a
    dispute or its resolution, a payment that was taken back or that failed."""

    connection: str
    external_id: str
    remaining: Money
    status: str
    disputed: bool
    overdue: bool
    failed_payments: int = 0
    number: str = ""
    account_id: str = ""
    opportunity_id: str = ""


class PaymentReceived(EventData):
    """More of an invoice is paid than before, or what was left of a partly paid one was settled.

    `paid` is all that is paid by now."""

    connection: str
    external_id: str
    paid: Money
    remaining: Money
    in_full: bool
    number: str = ""
    account_id: str = ""
    opportunity_id: str = ""


class CaseEscalated(EventData):
    """The support team has escalated a case."""

    connection: str
    external_id: str
    severity: str = ""
    account_id: str = ""


class CaseSeverityChanged(EventData):
    """A case became more or less severe; `before` is empty where it had no severity."""

    connection: str
    external_id: str
    before: str
    severity: str
    account_id: str = ""


class ImplementationCompleted(EventData):
    """The onboarding of an order is complete in customer success."""

    connection: str
    external_id: str
    account_id: str = ""
    opportunity_id: str = ""


class MilestoneCompleted(EventData):
    """A milestone of an onboarding is complete."""

    connection: str
    external_id: str
    name: str
    onboarding_id: str = ""
    account_id: str = ""
    opportunity_id: str = ""


class RenewalWindowOpened(EventData):
    """The time to prepare a contract's renewal has begun."""

    connection: str
    external_id: str
    renews_on: date
    account_id: str = ""


class RecordConfirmed(EventData):
    """A record of ours came to stand in a system, or changed there."""

    connection: str
    kind: str
    external_id: str


class RecordReversed(EventData):
    """A record of ours was undone in a system: cancelled, closed or withdrawn."""

    connection: str
    kind: str
    external_id: str


# By type and version; the catalogue's entries and these are held together by a test.
EVENT_DATA: dict[tuple[str, int], type[EventData]] = {
    ("customer.created", 1): CustomerCreated,
    ("opportunity.closed_won", 1): OpportunityClosedWon,
    ("contract.activated", 1): ContractActivated,
    ("contract.amended", 1): ContractAmended,
    ("invoice.posted", 1): InvoicePosted,
    ("invoice.overdue", 1): InvoiceOverdue,
    ("invoice.adjusted", 1): InvoiceAdjusted,
    ("payment.received", 1): PaymentReceived,
    ("case.escalated", 1): CaseEscalated,
    ("case.severity_changed", 1): CaseSeverityChanged,
    ("implementation.completed", 1): ImplementationCompleted,
    ("milestone.completed", 1): MilestoneCompleted,
    ("renewal.window_opened", 1): RenewalWindowOpened,
    ("record.confirmed", 1): RecordConfirmed,
    ("record.reversed", 1): RecordReversed,
}
TYPES: dict[type[EventData], tuple[str, int]] = {data: of for of, data in EVENT_DATA.items()}


NO_LEGAL_ENTITY = "_"


class CanonicalEvent(Fact):
    """An event before it is in the outbox; the same `id` is the same event, however often told.

    `source` is the connection it comes from, or the process; `subject` is `kind/id`.
    """

    id: str = Field(min_length=1)
    type: str
    version: int = 1
    source: str = ""
    subject: str = Field(min_length=1)
    occurred_at: AwareDatetime
    correlation_id: str = ""
    causation_id: str = ""
    legal_entity: str = ""
    environment: Environment
    body: dict[str, Any] = {}


class OutboxEvent(CanonicalEvent):
    """An event with its place in the outbox."""

    position: int

    def cloud_event(self) -> dict[str, Any]:
        """The event as a CloudEvents 1.0 structured-mode JSON object (R93).

        Extension attributes carry what the specification has no name for. `source` is a URI
        reference, so a name in it is percent-encoded.
        """
        source = f"/tieline/{self.environment}/{quote(self.source)}".rstrip("/")
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "type": self.type,
            "source": source,
            "subject": self.subject,
            "time": self.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "dataschema": schema_id(self.type, self.version),
            "eventversion": self.version,
            "environment": str(self.environment),
        }
        optional = {
            "correlationid": self.correlation_id,
            "causationid": self.causation_id,
            "legalentity": self.legal_entity,
        }
        return attributes | {k: v for k, v in optional.items() if v} | {"data": self.body}


def schema_id(event_type: str, version: int) -> str:
    """Names the schema of an event's data."""
    return f"urn:tieline:event:{event_type}:v{version}"
