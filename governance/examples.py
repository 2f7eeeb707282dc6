"""One example of each event, as the published document shows it."""

from datetime import UTC, date, datetime
from typing import Any

from canonical.connections import Environment
from canonical.events import (
    TYPES,
    CaseEscalated,
    CaseSeverityChanged,
    ContractActivated,
    ContractAmended,
    CustomerCreated,
    EventData,
    ImplementationCompleted,
    InvoiceAdjusted,
    InvoiceOverdue,
    InvoicePosted,
    MilestoneCompleted,
    OpportunityClosedWon,
    OutboxEvent,
    PaymentReceived,
    RecordConfirmed,
    RecordReversed,
    RenewalWindowOpened,
)
from canonical.money import Money

DEAL, ACCOUNT = "006Hs00001GlobexA", "001Hs00001Globex1"
YEAR, HALF = Money.of("12000.00", "USD"), Money.of("6000.00", "USD")
INVOICE: dict[str, Any] = {
    "connection": "stripe-us",
    "external_id": "in_1PGlobex2026",
    "number": "GLX-0042",
    "account_id": ACCOUNT,
    "opportunity_id": DEAL,
}
ONBOARDING: dict[str, Any] = {
    "connection": "gainsight",
    "account_id": ACCOUNT,
    "opportunity_id": DEAL,
}
CONTRACT: dict[str, Any] = {"connection": "stripe-us", "external_id": "sub_1PGlobex"}
CASE: dict[str, Any] = {"connection": "zendesk", "external_id": "35436", "account_id": ACCOUNT}

# Subject and data of each.
EXAMPLES: list[tuple[str, EventData]] = [
    (
        f"account/{ACCOUNT}",
        CustomerCreated(account_id=ACCOUNT, connection="netsuite-us", external_id="2107"),
    ),
    (
        f"opportunity/{DEAL}",
        OpportunityClosedWon(opportunity_id=DEAL, account_id=ACCOUNT, total=YEAR),
    ),
    (f"opportunity/{DEAL}", ContractActivated(opportunity_id=DEAL, **CONTRACT)),
    (
        "contract/sub_1PGlobex",
        ContractAmended(
            **CONTRACT,
            status="active",
            value=YEAR,
            value_before=HALF,
            account_id=ACCOUNT,
            opportunity_id=DEAL,
        ),
    ),
    (
        "invoice/in_1PGlobex2026",
        InvoicePosted(**INVOICE, total=YEAR, remaining=YEAR, due_on=date(2026, 8, 15)),
    ),
    (
        "invoice/in_1PGlobex2026",
        InvoiceOverdue(**INVOICE, remaining=HALF, due_on=date(2026, 8, 15)),
    ),
    (
        "invoice/in_1PGlobex2026",
        InvoiceAdjusted(**INVOICE, remaining=HALF, status="open", disputed=True, overdue=True),
    ),
    (
        "invoice/in_1PGlobex2026",
        PaymentReceived(**INVOICE, paid=HALF, remaining=HALF, in_full=False),
    ),
    ("case/35436", CaseEscalated(**CASE, severity="urgent")),
    ("case/35436", CaseSeverityChanged(**CASE, before="normal", severity="urgent")),
    ("onboarding/1P02GLOBEX", ImplementationCompleted(**ONBOARDING, external_id="1P02GLOBEX")),
    (
        "task/1S01GOLIVE",
        MilestoneCompleted(
            **ONBOARDING, external_id="1S01GOLIVE", name="go-live", onboarding_id="1P02GLOBEX"
        ),
    ),
    (
        "contract/sub_1PGlobex",
        RenewalWindowOpened(**CONTRACT, renews_on=date(2027, 7, 1), account_id=ACCOUNT),
    ),
    (
        f"opportunity/{DEAL}",
        RecordConfirmed(connection="netsuite-us", kind="sales_order", external_id="88231"),
    ),
    (
        f"opportunity/{DEAL}",
        RecordReversed(connection="netsuite-us", kind="sales_order", external_id="88231"),
    ),
]


def example(event_type: str, version: int) -> dict[str, Any] | None:
    """The example of one version as it is told, a CloudEvent; None where there is none."""
    for number, (subject, data) in enumerate(EXAMPLES, start=1):
        if TYPES[type(data)] == (event_type, version):
            return _told(number, subject, data)
    return None


def _told(number: int, subject: str, data: EventData) -> dict[str, Any]:
    body = data.model_dump(mode="json")
    event_type, version = TYPES[type(data)]
    event = OutboxEvent(
        position=number,
        id=f"ev-{number:032x}",
        type=event_type,
        version=version,
        source=body.get("connection", "quote-to-cash"),
        subject=subject,
        occurred_at=datetime(2026, 7, 1, 9, number, tzinfo=UTC),
        correlation_id="tl-5f2c9a7d1e3b4c6f8a0d2e4f",
        legal_entity="US01",
        environment=Environment.TEST,
        body=body,
    )
    return event.cloud_event()
