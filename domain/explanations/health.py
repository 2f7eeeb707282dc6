"""The four things that customer health is made of, each by what is on record of it (R118)."""

from datetime import UTC, date, datetime, time

from canonical.facts import CaseFacts, InvoiceFacts
from canonical.renewal import IncidentFacts, Signal, SignalState
from canonical.risk import AccountInvoices
from canonical.subjects import AccountRecords
from domain.definitions.customer_health import HealthInputs
from domain.definitions.implementation_complete import Implementation, implementation
from domain.explanations.cases import Case, Found, Input, Rules, account_name, record_input
from domain.explanations.records import evidence, evidence_inputs
from domain.explanations.renewals import signal_input
from domain.readiness import USAGE, billing_signal, support_signal
from domain.risk import assess

CLOSED_CASES = ("solved", "closed")
STATES = {
    Implementation.COMPLETE: SignalState.GREEN,
    Implementation.OPEN: SignalState.AMBER,
    Implementation.UNKNOWN: SignalState.UNKNOWN,
}


def health(records: AccountRecords, rules: Rules, today: date) -> Found:
    """Payments, support and implementation by records, adoption by the newest look at a renewal."""
    if not (records.records or records.renewals):
        return
    chosen = rules.definitions.health
    adoption, looked = _adoption(records, rules, today)
    read = [*records.of(InvoiceFacts), *records.of(CaseFacts)]
    given = HealthInputs(
        payments=_state(_payments(records, rules, today)),
        support=_state(_support(records, rules)),
        adoption=adoption,
        implementation=STATES[Implementation(implementation(evidence(records, rules)).value)],
        weights=dict(chosen.weights),
        healthy_from=chosen.healthy_from,
        fair_from=chosen.fair_from,
        confidence_min_percent=chosen.confidence_min_percent,
    )
    inputs = [*(record_input(record) for record, _ in read), *evidence_inputs(records), *looked]
    yield Case(account_name(records), given, inputs)


def _adoption(
    records: AccountRecords, rules: Rules, today: date
) -> tuple[SignalState, list[Input]]:
    """As the newest look found it; usage that is stale by the day says nothing any more."""
    views = [one.seen for one in records.renewals if one.seen is not None]
    newest = max(views, key=lambda view: (view.taken_at, view.snapshot_id), default=None)
    signals = newest.signals if newest else []
    usage = next((one for one in signals if one.name == USAGE), None)
    if usage is None or newest is None:
        return SignalState.UNKNOWN, []
    stale = _stale(usage, rules, today)
    look = signal_input(usage, newest.snapshot_id)
    if stale:
        look = look.model_copy(update={"says": f"{SignalState.UNKNOWN}: {stale}"})
    return SignalState.UNKNOWN if stale else usage.state, [look]


def _stale(usage: Signal, rules: Rules, today: date) -> str:
    """Why usage that was found good or bad says nothing of the day; empty where it does."""
    if usage.state is SignalState.UNKNOWN:
        return ""
    if usage.as_of is None:
        return "it is not known when usage was read"
    is_stale = (today - usage.as_of.date()).days > rules.readiness.usage_stale_days
    return f"usage is stale: the newest is of {usage.as_of.date()}" if is_stale else ""


def _payments(records: AccountRecords, rules: Rules, today: date) -> Signal | None:
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


def _support(records: AccountRecords, rules: Rules) -> Signal | None:
    """By the open cases that were heard of; an account of which none ever was is unknown."""
    cases = list(records.of(CaseFacts))
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
