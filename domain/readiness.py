"""The five signals of a renewal, each judged from its source's facts (R76, R83).

A source that is away or stale is `unknown`, and never green. All of it is pure: connection names,
rules and the day are arguments.
"""

from datetime import date, datetime
from typing import Any

from canonical.definitions import in_force
from canonical.orders import Fact
from canonical.renewal import (
    AdoptionFacts,
    IncidentFacts,
    OnboardingTasks,
    ReadinessRules,
    RenewalOpportunity,
    Signal,
    SignalState,
)
from canonical.risk import FinancialStatus, RiskAssessment, RiskLevel

BILLING, SUPPORT, USAGE = "billing", "support", "usage"
IMPLEMENTATION, CRM = "implementation", "crm"
# By which definition each signal is judged; its version is part of the signal (R21, R121).
DEFINITION_OF = {
    BILLING: "account_financial_status",
    SUPPORT: "renewal_readiness",
    USAGE: "renewal_readiness",
    IMPLEMENTATION: "implementation_complete",
    CRM: "renewal_readiness",
}
NAMES = tuple(DEFINITION_OF)
TASKS_NAMED_MAX = 5


def unknown_signal(name: str, why: str, source: str, rules: ReadinessRules) -> Signal:
    """What is said of a source that did not answer."""
    return _signal(name, source, rules, SignalState.UNKNOWN, None, [why], {})


def billing_signal(
    assessment: RiskAssessment, source: str, as_of: datetime, rules: ReadinessRules
) -> Signal:
    """Red when invoices are late, whatever else is not known; amber when one is past due, disputed
    or just overdue."""
    level, status = assessment.level, assessment.status
    state, reasons = SignalState.GREEN, assessment.reasons
    if level in (RiskLevel.HIGH, RiskLevel.CRITICAL):
        state = SignalState.RED
    elif status is FinancialStatus.UNKNOWN:
        state = SignalState.UNKNOWN
    elif status is not FinancialStatus.GOOD or level is RiskLevel.WATCH:
        state = SignalState.AMBER
        reasons = reasons or [f"payments are {status.value.replace('_', ' ')}"]
    # Without ages: equal facts have to give equal snapshots, whatever the day.
    facts = assessment.model_dump(
        mode="json", include={"status", "level", "score", "overdue", "disputed"}
    )
    return _signal(BILLING, source, rules, state, as_of, reasons, facts)


def support_signal(facts: IncidentFacts, source: str, rules: ReadinessRules) -> Signal:
    """Red with an open case of a severity that endangers; amber with a lesser one, or when cases
    were escalated or broke their service level in the window."""
    red = _open(facts, rules.severities_red)
    amber = _open(facts, rules.severities_amber)
    if facts.escalated:
        amber.append(f"{facts.escalated} escalated in the window")
    if facts.breached:
        amber.append(f"{facts.breached} broke the service level in the window")
    state = SignalState.RED if red else SignalState.AMBER if amber else SignalState.GREEN
    return _signal(SUPPORT, source, rules, state, facts.as_of, [*red, *amber], _plain(facts))


def usage_signal(facts: AdoptionFacts, source: str, rules: ReadinessRules, today: date) -> Signal:
    """By the share of licensed users that are active, and by its fall; stale usage is unknown."""
    as_of = facts.as_of
    if as_of is None:
        return _usage(facts, source, rules, SignalState.UNKNOWN, "no usage is known")
    days = (today - as_of.date()).days
    if days > rules.usage_stale_days:
        why = f"usage is stale: the newest is of {as_of.date()}"
        return _usage(facts, source, rules, SignalState.UNKNOWN, why)
    active, licensed = facts.active_users, facts.licensed_users
    if active <= 0:
        return _usage(facts, source, rules, SignalState.RED, "nobody uses it")
    if licensed > 0 and 100 * active < rules.usage_red_percent * licensed:
        why = f"{active} of {licensed} users are active"
        return _usage(facts, source, rules, SignalState.RED, why)
    amber = []
    if licensed > 0 and 100 * active < rules.usage_amber_percent * licensed:
        amber.append(f"{active} of {licensed} users are active")
    before = facts.active_users_before
    if 100 * (before - active) >= rules.usage_drop_percent * before and before > active:
        amber.append(f"{active} users are active, after {before} in the 30 days before")
    if licensed <= 0 and not amber:
        return _usage(facts, source, rules, SignalState.UNKNOWN, "no licensed users are known")
    state = SignalState.AMBER if amber else SignalState.GREEN
    return _usage(facts, source, rules, state, *amber)


def implementation_signal(facts: OnboardingTasks, source: str, rules: ReadinessRules) -> Signal:
    """Red with an overdue task, amber with an open one, green when complete with none open."""
    if facts.overdue_tasks:
        red = [f"overdue: {_listed(facts.overdue_tasks)}"]
        return _implementation(facts, source, rules, SignalState.RED, red)
    if facts.open_tasks:
        amber = [f"open: {_listed(facts.open_tasks)}"]
        return _implementation(facts, source, rules, SignalState.AMBER, amber)
    if facts.completed:
        return _implementation(facts, source, rules, SignalState.GREEN, [])
    nothing = ["no completed onboarding is known"]
    return _implementation(facts, source, rules, SignalState.UNKNOWN, nothing)


def crm_signal(
    deal: RenewalOpportunity, source: str, rules: ReadinessRules, renews_on: date, today: date
) -> Signal:
    """Green with a deal that is won or on its way; amber without one, or with one that is late; red
    when it is lost, or when there still is none in the last window."""
    state, reasons = SignalState.GREEN, list[str]()
    if not deal.opportunity_id:
        last = (renews_on - today).days <= min(rules.windows_days)
        state = SignalState.RED if last else SignalState.AMBER
        reasons = ["there is no renewal opportunity"]
    elif deal.is_closed:
        if not deal.is_won:
            state, reasons = SignalState.RED, ["the renewal opportunity is lost"]
    elif deal.close_on is not None and deal.close_on < today:
        state, reasons = SignalState.AMBER, [f"it was to close on {deal.close_on}"]
    elif deal.close_on is not None and deal.close_on > renews_on:
        state = SignalState.AMBER
        reasons = [f"it is to close on {deal.close_on}, after the renewal on {renews_on}"]
    return _signal(CRM, source, rules, state, deal.as_of, reasons, _plain(deal))


def _usage(
    facts: AdoptionFacts, source: str, rules: ReadinessRules, state: SignalState, *reasons: str
) -> Signal:
    return _signal(USAGE, source, rules, state, facts.as_of, list(reasons), _plain(facts))


def _implementation(
    facts: OnboardingTasks,
    source: str,
    rules: ReadinessRules,
    state: SignalState,
    reasons: list[str],
) -> Signal:
    return _signal(IMPLEMENTATION, source, rules, state, facts.as_of, reasons, _plain(facts))


def _open(facts: IncidentFacts, severities: list[str]) -> list[str]:
    found = {severity: facts.open_by_severity.get(severity, 0) for severity in severities}
    return [f"{number} open of severity {name}" for name, number in found.items() if number]


def _listed(tasks: list[str]) -> str:
    more = f" and {len(tasks) - TASKS_NAMED_MAX} more" if len(tasks) > TASKS_NAMED_MAX else ""
    return ", ".join(sorted(tasks)[:TASKS_NAMED_MAX]) + more


def _plain(facts: Fact) -> dict[str, Any]:
    return facts.model_dump(mode="json", exclude={"account_id", "as_of"})


def _signal(
    name: str,
    source: str,
    rules: ReadinessRules,
    state: SignalState,
    as_of: datetime | None,
    reasons: list[str],
    facts: dict[str, Any],
) -> Signal:
    return Signal(
        name=name,
        source=source,
        owner=rules.owners.get(name, ""),
        state=state,
        as_of=as_of,
        definition=in_force(DEFINITION_OF[name], rules.versions),
        reasons=reasons,
        facts=facts,
    )
