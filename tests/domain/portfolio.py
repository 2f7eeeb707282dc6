"""Facts for the tests of risk and readiness: Globex, its subsidiary, and what five sources say."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.renewal import (
    AdoptionFacts,
    ContractTerms,
    IncidentFacts,
    OnboardingTasks,
    ReadinessRules,
    RenewalOpportunity,
)
from canonical.risk import AccountInvoices, RiskAssessment, RiskRules
from domain.risk import assess

GLOBEX, GMBH = "001Globex", "001GlobexGmbH"
DUE = date(2026, 8, 15)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
RENEWS = date(2026, 12, 31)
RULES = RiskRules(
    grace_days_by_terms={"net-45": 10},
    tolerance_minor={"USD": 500},
    critical_over_minor={"USD": 10_000_000, "EUR": 5_000_000},
)
READINESS = ReadinessRules(owners={"billing": "finance-ops", "support": "support-ops"})


def after(days: int) -> date:
    """So many days after the due date."""
    return DUE + timedelta(days=days)


def invoice(
    number: int = 1,
    version: int = 1,
    total: str = "12000",
    paid: str = "0",
    currency: str = "USD",
    **facts: Any,
) -> InvoiceFacts:
    """Globex's invoice INV-n, net 30; a higher version is newer."""
    whole, part = Money.of(total, currency), Money.of(paid, currency)
    given: dict[str, Any] = {
        "id": f"in_{number}",
        "version": f"v{version:04}",
        "changed_at": NOON,
        "number": f"INV-{number}",
        "legal_entity": "US01",
        "status": InvoiceStatus.PAID if whole == part else InvoiceStatus.OPEN,
        "total": whole,
        "paid": part,
        "remaining": whole - part,
        "due_on": DUE,
        "posted_at": datetime(2026, 7, 16, tzinfo=UTC),
    }
    return InvoiceFacts.model_validate(given | facts)


def said(
    *invoices: InvoiceFacts,
    account: str = GLOBEX,
    connection: str = "stripe-us",
    known: bool = True,
    minutes: int = 0,
) -> AccountInvoices:
    """What a source of invoices answered, so many minutes after noon."""
    return AccountInvoices(
        account_id=account,
        connection=connection,
        as_of=NOON + timedelta(minutes=minutes),
        invoices=list(invoices),
        known=known,
    )


def risk_of(
    *invoices: InvoiceFacts, on: date, below: Sequence[AccountInvoices] = ()
) -> RiskAssessment:
    """Globex's risk by these invoices."""
    return assess(GLOBEX, [said(*invoices)], below, RULES, on)


def terms(**facts: Any) -> ContractTerms:
    """Globex's contract of 2026, 120,000.00 USD."""
    given: dict[str, Any] = {
        "contract_id": "sub_globex",
        "connection": "stripe-us",
        "account_id": GLOBEX,
        "opportunity_id": "006Globex",
        "status": "active",
        "active": True,
        "starts_on": date(2026, 1, 1),
        "ends_on": RENEWS,
        "value": Money.of("120000", "USD"),
    }
    return ContractTerms.model_validate(given | facts)


def incidents(**facts: Any) -> IncidentFacts:
    """Globex's cases."""
    return IncidentFacts.model_validate({"account_id": GLOBEX, "as_of": NOON} | facts)


def adoption(**facts: Any) -> AdoptionFacts:
    """Globex's usage: 80 of 100 users, 78 before, known of today."""
    given = {"account_id": GLOBEX, "as_of": NOON, "active_users": 80, "licensed_users": 100}
    return AdoptionFacts.model_validate(given | {"active_users_before": 78} | facts)


def onboarding(**facts: Any) -> OnboardingTasks:
    """Globex's implementation: complete."""
    given = {"account_id": GLOBEX, "as_of": NOON, "completed": True}
    return OnboardingTasks.model_validate(given | facts)


def deal(**facts: Any) -> RenewalOpportunity:
    """Globex's renewal opportunity, on its way."""
    given = {"account_id": GLOBEX, "as_of": NOON, "opportunity_id": "006Renewal"}
    given |= {"stage": "Negotiation", "close_on": date(2026, 12, 15)}
    return RenewalOpportunity.model_validate(given | facts)
