"""The judge that goes by the catalogue: its definitions in force, and its parameters (R121)."""

from collections.abc import Sequence
from datetime import date
from itertools import chain

from canonical.renewal import (
    ReadinessRules,
    ReadinessSnapshot,
    RenewalDates,
    RenewalOpportunity,
    Signal,
)
from canonical.renewal_messages import PlanRenewal, RenewalPlan, TakeSnapshot
from canonical.risk import AccountInvoices, RiskAssessment
from domain import readiness, renewals
from domain.calendar import DAY
from domain.definitions.renewal_eligibility import ContractOnDay, Eligibility, eligibility
from domain.readiness import unknown_signal
from domain.risk import assess
from governance.catalogue import Catalogue

AWAY, NOT_CONFIGURED = "it does not answer", "no connection is configured"


class CatalogueJudge:
    """`domain.judging.Judge` by one version of the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._risk = catalogue.definitions.risk_rules()
        self._rules: ReadinessRules = catalogue.definitions.readiness_rules()

    def risk(
        self,
        account_id: str,
        own: Sequence[AccountInvoices],
        subsidiaries: Sequence[AccountInvoices],
        before: RiskAssessment | None,
        today: date,
    ) -> RiskAssessment:
        """The risk of an account; `before` keeps the level from falling while a source is away."""
        return assess(account_id, own, subsidiaries, self._risk, today, before=before)

    def plan(self, request: PlanRenewal) -> RenewalPlan:
        """When a contract renews and when to look; no dates for one that ended before its window,
        or that states no end (beyond the one at which it was renewed)."""
        today, windows, renewed = request.today, self._rules.windows_days, request.renewed_on
        terms = renewals.in_next_term(request.terms, renewed)
        over = not terms.active
        given = ContractOnDay.model_construct(terms=terms, today=today, rules=self._rules)
        found = Eligibility(eligibility(given).value)
        dates = renewals.dates_of(terms, self._rules)
        window = renewals.window_days(dates, today, windows) if dates else None
        if dates is None and renewed is not None:
            # Decided, and no further term is stated: what became of it shows when this one is over.
            look = renewed + DAY if today <= renewed else None
            return RenewalPlan(next_look=look, over=over or look is None, eligibility=found.value)
        if dates is None or (over and not request.in_window):
            # An owner that states the day of the cancellation as the end would else have it renew.
            return RenewalPlan(over=over, eligibility=found.value)
        return RenewalPlan(
            dates=dates,
            next_look=renewals.next_look(dates, today, windows),
            window_open=window is not None and found is not Eligibility.EXCLUDED,
            over=over,
            eligibility=found.value,
        )

    def snapshot(self, request: TakeSnapshot) -> ReadinessSnapshot:
        """One view of a renewal, from what five sources said and which of them did not."""
        today, dates = request.today or request.at.date(), request.dates
        signals = [self._billing(request, today), *self._heard(request, today)]
        return renewals.snapshot(
            request.terms,
            dates,
            signals,
            self._rules,
            request.at,
            opportunity_id=request.start.opportunity_id,
            outcome=renewals.outcome_of(
                request.terms,
                _deal(request) if request.terms_known else None,
                today,
                renews_on=dates.renews_on,
            ),
        )

    def next_look(self, dates: RenewalDates, today: date) -> date | None:
        """The next day on which a renewal is looked at; None after the last."""
        return renewals.next_look(dates, today, self._rules.windows_days)

    def _billing(self, request: TakeSnapshot, today: date) -> Signal:
        source = ", ".join(request.start.sources)
        if not source:
            return unknown_signal(readiness.BILLING, NOT_CONFIGURED, source, self._rules)
        account = request.terms.account_id
        away = [
            AccountInvoices(account_id=account, connection=name, as_of=request.at, known=False)
            for name in request.sources_away
        ]
        found = assess(account, list(chain(request.invoices, away)), [], self._risk, today)
        heard = [one.as_of for one in request.invoices]
        if not heard:
            return unknown_signal(readiness.BILLING, AWAY, source, self._rules)
        return readiness.billing_signal(found, source, min(heard), self._rules)

    def _heard(self, request: TakeSnapshot, today: date) -> list[Signal]:
        start, rules = request.start, self._rules
        support, usage, tasks = request.incidents, request.adoption, request.tasks
        deal, renews_on = request.opportunity, request.dates.renews_on
        return [
            readiness.support_signal(support, start.support, rules)
            if support
            else self._silent(readiness.SUPPORT, start.support),
            readiness.usage_signal(usage, start.usage, rules, request.adoption_asked_on or today)
            if usage
            else self._silent(readiness.USAGE, start.usage),
            readiness.implementation_signal(tasks, start.success, rules)
            if tasks
            else self._silent(readiness.IMPLEMENTATION, start.success),
            readiness.crm_signal(deal, start.crm, rules, renews_on, today)
            if deal
            else self._silent(readiness.CRM, start.crm),
        ]

    def _silent(self, name: str, source: str) -> Signal:
        return unknown_signal(name, AWAY if source else NOT_CONFIGURED, source, self._rules)


def _deal(request: TakeSnapshot) -> RenewalOpportunity | None:
    """What the CRM said; where there is no CRM, there is no deal in it."""
    if request.start.crm:
        return request.opportunity
    return RenewalOpportunity(account_id=request.terms.account_id, as_of=request.at)
