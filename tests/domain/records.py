"""Reads of records for the tests of what happened: Globex's invoice, case, contract, onboarding."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical.events import TYPES, EventData
from canonical.facts import (
    AnyFacts,
    CaseFacts,
    ContractFacts,
    InvoiceFacts,
    InvoiceStatus,
    OnboardingFacts,
    TaskFacts,
)
from canonical.money import Money
from domain.occurrences import Occurrence, occurrences

DUE = date(2026, 8, 15)
POSTED_AT = datetime(2026, 7, 1, 9, tzinfo=UTC)
BEFORE_DUE, AFTER_DUE = date(2026, 8, 1), date(2026, 9, 1)


def at(version: int) -> datetime:
    """When a version of a record came to be: one each day after posting."""
    return POSTED_AT + timedelta(days=version)


def _common(version: int) -> dict[str, Any]:
    return {"version": at(version).isoformat(), "changed_at": at(version), "account_id": "001Glo"}


def invoice(version: int, status: InvoiceStatus, paid: int = 0, **facts: Any) -> InvoiceFacts:
    """Globex's invoice of 120.00 USD, so much of it paid (minor units)."""
    total = facts.pop("total", 12_000)
    remaining = facts.pop("remaining", max(total - paid, 0))
    draft = status is InvoiceStatus.DRAFT
    given: dict[str, Any] = {
        **_common(version),
        "id": "in_globex",
        "status": status,
        "total": Money(amount_minor=total, currency="USD"),
        "paid": Money(amount_minor=paid, currency="USD"),
        "remaining": Money(amount_minor=remaining, currency="USD"),
        "due_on": DUE,
        "posted_at": None if draft else POSTED_AT,
    }
    return InvoiceFacts.model_validate(given | facts)


def case(version: int, severity: str = "normal", escalated: bool = False) -> CaseFacts:
    """Initech's support case."""
    return CaseFacts(
        **_common(version), id="35436", status="open", severity=severity, escalated=escalated
    )


def contract(
    version: int, terms: str = "a1", status: str = "active", value: Money | None = None
) -> ContractFacts:
    """Globex's subscription."""
    about = {"id": "sub_globex", "status": status, "terms_digest": terms, "value": value}
    return ContractFacts(**_common(version), **about)


def onboarding(version: int, completed: bool) -> OnboardingFacts:
    """Globex's onboarding."""
    return OnboardingFacts(**_common(version), id="1P02", status="open", completed=completed)


def task(version: int, completed: bool) -> TaskFacts:
    """The go-live of Globex's onboarding."""
    return TaskFacts(
        **_common(version), id="1S01", name="go-live", status="open", completed=completed
    )


def identity(occurrence: Occurrence) -> tuple[str, str]:
    """What makes one occurrence of a record another than the next: the id follows from it."""
    return TYPES[type(occurrence.data)][0], occurrence.once


def told(reads: Iterable[AnyFacts], today: date = BEFORE_DUE) -> list[Occurrence]:
    """What is told over reads one after another, each event once by its identity."""
    return list(_by_identity(reads, today).values())


def data(reads: Iterable[AnyFacts], today: date = BEFORE_DUE) -> list[EventData]:
    """The data of what is told over reads."""
    return [occurrence.data for occurrence in told(reads, today)]


def types(reads: Iterable[AnyFacts], today: date = BEFORE_DUE) -> list[str]:
    """The types of what is told over reads, in the order of telling."""
    return [TYPES[type(one)][0] for one in data(reads, today)]


def identities(reads: Iterable[AnyFacts], today: date = BEFORE_DUE) -> set[tuple[str, str]]:
    """The identities of what is told over reads."""
    return set(_by_identity(reads, today))


def _by_identity(reads: Iterable[AnyFacts], today: date) -> dict[tuple[str, str], Occurrence]:
    before: AnyFacts | None = None
    found: dict[tuple[str, str], Occurrence] = {}
    for now in reads:
        for occurrence in occurrences("stripe-us", before, now, today):
            found.setdefault(identity(occurrence), occurrence)
        before = now
    return found
