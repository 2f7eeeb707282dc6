"""The cases that the definitions' examples are about: Globex, its invoices, dates and rules."""

from datetime import UTC, date, datetime
from typing import Any

from canonical.facts import (
    ContractFacts,
    InvoiceFacts,
    InvoiceStatus,
    OnboardingFacts,
    TaskFacts,
)
from canonical.money import Money
from canonical.renewal import ContractTerms, ReadinessRules, Signal, SignalState
from canonical.risk import RiskRules

POSTED = datetime(2026, 7, 16, 9, tzinfo=UTC)
DUE = date(2026, 8, 15)
WITHIN_GRACE, AFTER_GRACE = date(2026, 8, 20), date(2026, 8, 21)
LATE, SERIOUS = date(2026, 8, 30), date(2026, 9, 29)
RULES = RiskRules(
    grace_days_by_terms={"net-45": 10},
    tolerance_minor={"USD": 500},
    critical_over_minor={"USD": 10_000_000},
)
READINESS = ReadinessRules(excluded_statuses=["trialing"])
_READ = {"version": "2026-08-01", "changed_at": datetime(2026, 8, 1, tzinfo=UTC)}


def usd(amount: str) -> Money:
    """So many dollars."""
    return Money.of(amount, "USD")


def invoice(paid: str = "0", credited: str = "0", **facts: Any) -> InvoiceFacts:
    """Globex's invoice INV-7: 12,000.00 USD, net 30, due on 15 August 2026."""
    total = usd("12000")
    given: dict[str, Any] = {
        **_READ,
        "id": "in_7",
        "account_id": "001Globex",
        "legal_entity": "US01",
        "number": "INV-7",
        "status": InvoiceStatus.OPEN,
        "total": total,
        "paid": usd(paid),
        "remaining": total - usd(paid) - usd(credited),
        "due_on": DUE,
        "posted_at": POSTED,
    }
    return InvoiceFacts.model_validate(given | facts)


def contract(status: str = "active", **facts: Any) -> ContractFacts:
    """Globex's subscription, running since January."""
    given: dict[str, Any] = {
        **_READ,
        "id": "sub_globex",
        "account_id": "001Globex",
        "status": status,
        "terms_digest": "a1",
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ContractFacts.model_validate(given | facts)


def terms(**facts: Any) -> ContractTerms:
    """Globex's contract of 2026, 120,000.00 USD, ending with the year."""
    given: dict[str, Any] = {
        "contract_id": "sub_globex",
        "connection": "stripe-us",
        "account_id": "001Globex",
        "status": "active",
        "active": True,
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        "value": usd("120000"),
    }
    return ContractTerms.model_validate(given | facts)


def onboarding(completed: bool) -> OnboardingFacts:
    """Globex's onboarding."""
    status = "Closed Success" if completed else "Work In Progress"
    facts = {"id": "1P02", "account_id": "001Globex", "status": status, "completed": completed}
    return OnboardingFacts.model_validate(_READ | facts)


def task(name: str, completed: bool) -> TaskFacts:
    """A task of Globex's onboarding."""
    facts = {"id": f"1S-{name}", "name": name, "status": "Closed" if completed else "Open"}
    return TaskFacts.model_validate(
        _READ | facts | {"onboarding_id": "1P02", "completed": completed}
    )


def signal(name: str, state: SignalState, *reasons: str) -> Signal:
    """What one source says of Globex's renewal."""
    return Signal(
        name=name,
        source=name,
        owner="csm",
        state=state,
        as_of=None if state is SignalState.UNKNOWN else datetime(2026, 10, 2, tzinfo=UTC),
        definition="renewal_readiness@1",
        reasons=list(reasons),
    )
