"""What the definitions say of accounts by what is on record, and whom another version would move.

Only definitions that such records feed: `UNFED` says of the others whom to ask instead.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time

from pydantic import BaseModel

from canonical.definitions import VERSIONS, Verdict
from canonical.errors import Misconfigured
from canonical.facts import CaseFacts, ContractFacts, InvoiceFacts, OnboardingFacts, TaskFacts
from canonical.orders import Fact
from canonical.renewal import IncidentFacts, Signal, SignalState
from canonical.risk import AccountInvoices, RiskRules
from canonical.subjects import AccountRecords
from domain.definitions.account_financial_status import Receivables
from domain.definitions.active_customer import Contracts
from domain.definitions.contracts import statuses_of
from domain.definitions.customer_health import HealthInputs
from domain.definitions.implementation_complete import Evidence, Implementation, implementation
from domain.definitions.invoice_delinquent import InvoiceOnDay
from domain.definitions.registry import definition
from domain.definitions.subscription_entitlement_state import SubscriptionOnDay
from domain.readiness import billing_signal, support_signal
from domain.risk import assess
from governance.definitions import Definitions

CLOSED_CASES = ("solved", "closed")
Case = tuple[str, BaseModel]
UNFED = {
    "renewal_date": "contract dates are read from their owner when a renewal is looked at",
    "renewal_readiness": "its signals are read when a renewal is looked at",
    "renewal_eligibility": "contract dates are read from their owner when a renewal is looked at",
    "account_hierarchy": "the CRM is asked for an account's family",
    "order_activation": "it is about one order: see its progress",
    "revenue_status": "it is about one order: see its progress",
}


class Explained(Fact):
    """What a definition says of one subject of an account: the account, an invoice, a contract."""

    subject: str
    verdict: Verdict


class Moved(Fact):
    """A subject of which a definition says another thing when a version changes."""

    account_id: str
    subject: str
    before: Verdict
    after: Verdict


class _Rules:
    """The catalogue's parameters, with the versions to go by."""

    def __init__(self, definitions: Definitions, versions: Mapping[str, int]) -> None:
        self.definitions = definitions
        risk = definitions.risk_rules()
        self.risk: RiskRules = risk.model_copy(update={"versions": {**risk.versions, **versions}})
        self.readiness = definitions.readiness_rules()
        self.statuses = statuses_of(definitions)


def explain(
    records: AccountRecords,
    definitions: Definitions,
    today: date,
    *,
    names: Iterable[str] = tuple(VERSIONS),
) -> list[Explained]:
    """What the definitions in force say of an account; those without any record are left out."""
    rules = _Rules(definitions, {})
    return [
        Explained(subject=subject, verdict=definition(n, definitions.versions[n]).evaluate(inputs))
        for n in names
        if n in FEEDS
        for subject, inputs in FEEDS[n](records, rules, today)
    ]


def compare(
    name: str,
    versions: tuple[int, int],
    records: AccountRecords,
    definitions: Definitions,
    today: date,
) -> list[Moved]:
    """What would be said differently of an account, also by definitions that build on this one.

    Raises NotFound for a version that is not there, Misconfigured for a definition that the records
    do not feed.
    """
    if name in UNFED:
        raise Misconfigured(f"{name} cannot be compared by what is on record: {UNFED[name]}")
    first, second = (
        dict(_verdicts(name, version, records, definitions, today)) for version in versions
    )
    return [
        Moved(account_id=records.account_id, subject=about[1], before=was, after=second[about])
        for about, was in first.items()
        if was.value != second[about].value
    ]


def _verdicts(
    name: str, version: int, records: AccountRecords, definitions: Definitions, today: date
) -> Iterator[tuple[tuple[str, str], Verdict]]:
    """What every definition says while this version of one of them is in force."""
    versions = {**definitions.versions, name: version}
    rules = _Rules(definitions, versions)
    for one, feed in FEEDS.items():
        for subject, inputs in feed(records, rules, today):
            yield (one, subject), definition(one, versions[one]).evaluate(inputs)


def _invoices(records: AccountRecords, rules: _Rules, today: date) -> Iterator[Case]:
    for record, invoice in records.of(InvoiceFacts):
        given = InvoiceOnDay(invoice=invoice, today=today, rules=rules.risk)
        yield f"{record.connection}/invoice/{invoice.number or invoice.id}", given


def _receivables(records: AccountRecords, rules: _Rules, today: date) -> Iterator[Case]:
    if invoices := [invoice for _, invoice in records.of(InvoiceFacts)]:
        given = Receivables(invoices=invoices, today=today, rules=rules.risk)
        yield _account(records), given


def _customer(records: AccountRecords, rules: _Rules, today: date) -> Iterator[Case]:
    if contracts := [contract for _, contract in records.of(ContractFacts)]:
        given = Contracts(contracts=contracts, today=today, statuses=rules.statuses)
        yield _account(records), given


def _subscriptions(records: AccountRecords, rules: _Rules, today: date) -> Iterator[Case]:
    for record, contract in records.of(ContractFacts):
        given = SubscriptionOnDay(contract=contract, today=today, statuses=rules.statuses)
        yield f"{record.connection}/contract/{contract.id}", given


def _implementation(records: AccountRecords, rules: _Rules, today: date) -> Iterator[Case]:
    evidence = _evidence(records, rules)
    if evidence.onboardings or evidence.tasks:
        yield _account(records), evidence


def _health(records: AccountRecords, rules: _Rules, today: date) -> Iterator[Case]:
    """Adoption stays unknown: usage is not on record, it is asked of the warehouse."""
    if not records.records:
        return
    health = rules.definitions.health
    states = {
        Implementation.COMPLETE: SignalState.GREEN,
        Implementation.OPEN: SignalState.AMBER,
        Implementation.UNKNOWN: SignalState.UNKNOWN,
    }
    given = HealthInputs(
        payments=_state(_payments(records, rules, today)),
        support=_state(_support(records, rules)),
        implementation=states[Implementation(implementation(_evidence(records, rules)).value)],
        weights=dict(health.weights),
        healthy_from=health.healthy_from,
        fair_from=health.fair_from,
        confidence_min_percent=health.confidence_min_percent,
    )
    yield _account(records), given


def _evidence(records: AccountRecords, rules: _Rules) -> Evidence:
    return Evidence(
        onboardings=[one for _, one in records.of(OnboardingFacts)],
        tasks=[one for _, one in records.of(TaskFacts)],
        required=rules.definitions.customers.required_milestones,
    )


def _payments(records: AccountRecords, rules: _Rules, today: date) -> Signal | None:
    moment = datetime.combine(today, time.min, UTC)
    own = [
        AccountInvoices(
            account_id=records.account_id,
            connection=record.connection,
            as_of=record.recorded_at,
            invoices=[invoice],
        )
        for record, invoice in records.of(InvoiceFacts)
    ]
    if not own:
        return None
    found = assess(records.account_id, own, [], rules.risk, today)
    return billing_signal(found, "ledger", moment, rules.readiness)


def _support(records: AccountRecords, rules: _Rules) -> Signal | None:
    """By the open cases that were heard of; an account of which none ever was is unknown."""
    cases = [(record, case) for record, case in records.of(CaseFacts)]
    if not cases:
        return None
    waiting = [case for _, case in cases if case.status not in CLOSED_CASES]
    severities: dict[str, int] = {}
    for case in waiting:
        severities[case.severity] = severities.get(case.severity, 0) + 1
    facts = IncidentFacts(
        account_id=records.account_id,
        as_of=max(record.recorded_at for record, _ in cases),
        open_by_severity=severities,
        escalated=sum(case.escalated for case in waiting),
    )
    return support_signal(facts, "ledger", rules.readiness)


def _state(signal: Signal | None) -> SignalState:
    return SignalState.UNKNOWN if signal is None else signal.state


def _account(records: AccountRecords) -> str:
    return f"account/{records.account_id}"


FEEDS: Mapping[str, Callable[[AccountRecords, _Rules, date], Iterator[Case]]] = {
    "invoice_delinquent": _invoices,
    "invoice_collection_status": _invoices,
    "account_financial_status": _receivables,
    "customer_health": _health,
    "active_customer": _customer,
    "implementation_complete": _implementation,
    "subscription_entitlement_state": _subscriptions,
}
