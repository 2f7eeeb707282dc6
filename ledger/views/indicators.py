"""The indicators over the ledger: each with how many cases it rests on (R27, R79-R82, R150)."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from canonical.definitions import in_force
from canonical.milestones import Milestone
from canonical.orders import Fact
from domain.reports.activation import ClosedWonToActivation, closed_won_to_activation
from domain.reports.disputes import Disputes, disputes
from domain.reports.foresight import (
    ForecastAccuracy,
    RenewalWarning,
    forecast_accuracy,
    renewal_warning,
)
from domain.reports.leadership import (
    BillingActivation,
    CasesBeforeDue,
    OnboardingLaunch,
    PaymentsShown,
    RenewalsReflectPayments,
    billing_activation,
    cases_before_due,
    onboarding_launch,
    renewals_reflect_payments,
)
from domain.reports.leakage import (
    BilledAfterDelivery,
    Leakage,
    billed_after_delivery,
    leakage,
)
from domain.reports.reaction import OverdueReaction, overdue_reaction
from domain.reports.receivables import Position, own_assessment
from governance.catalogue import Catalogue
from governance.processes import Per
from ledger.clocks import WAITING
from ledger.database import Database
from ledger.views.deliveries import deliveries
from ledger.views.invoices import dispute_signs, known_invoices
from ledger.views.orders import QUOTE_TO_CASH, order_progress
from ledger.views.positions import positions_of
from ledger.views.reactions import opened_cases, overdue_invoices, risk_calls
from ledger.views.renewal_histories import renewal_histories, upcoming_renewals
from ledger.views.won_orders import won_orders

DEFINITIONS = (
    "account_financial_status",
    "implementation_complete",
    "invoice_collection_status",
    "renewal_date",
    "renewal_readiness",
)


class IndicatorsReport(Fact):
    """All indicators over a period, `as_of` the moment of asking.

    Renewals belong to the period by their date, overdue invoices by their due date, orders by their
    acceptance (by when the deal was won, where that is measured), implementations by when they were
    complete, cases by when they were opened. What leaks and what is disputed now is of any time.
    """

    since: date
    as_of: datetime
    definitions: list[str]
    overdue_to_action: OverdueReaction
    forecast: ForecastAccuracy
    renewal_warning: RenewalWarning
    cases_before_due: CasesBeforeDue
    onboarding_launch: OnboardingLaunch
    billing_activation: BillingActivation
    renewals_reflect_payments: RenewalsReflectPayments
    closed_won_to_activation: ClosedWonToActivation
    billed_after_delivery: BilledAfterDelivery
    leakage: Leakage
    disputes: Disputes


async def indicators(
    db: Database, catalogue: Catalogue, owners: Collection[str], since: date, now: datetime
) -> IndicatorsReport:
    """Every indicator, by the catalogue in force; `owners` are the connections that own invoices.

    Leakage alone takes what every connection tells: an order is not left unbilled that any system
    has an invoice of, and what two of them tell of is not known to leak.
    """
    begins = datetime.combine(since, time.min, UTC)
    windows = catalogue.definitions.renewal.windows_days
    # A window opens before its renewal: those whose windows have opened by now count.
    last = now.date() + timedelta(days=max(windows))
    histories = await renewal_histories(db, since, last)
    orders = await order_progress(db, begins)
    invoices = await known_invoices(db)
    required = catalogue.definitions.customers.required_milestones
    delivered = await deliveries(db, invoices, required)
    leakage_days = catalogue.reports.indicators.leakage_days
    return IndicatorsReport(
        since=since,
        as_of=now,
        definitions=[in_force(name, catalogue.definitions.versions) for name in DEFINITIONS],
        overdue_to_action=overdue_reaction(
            await overdue_invoices(db, owners, begins), await risk_calls(db)
        ),
        forecast=forecast_accuracy(histories, windows, now.date()),
        renewal_warning=renewal_warning(histories),
        cases_before_due=cases_before_due(await opened_cases(db, begins), _objectives(catalogue)),
        onboarding_launch=onboarding_launch(
            orders, catalogue.reports.indicators.onboarding_launch_hours, now
        ),
        billing_activation=billing_activation(orders, _activation_limit(catalogue), now),
        renewals_reflect_payments=renewals_reflect_payments(
            await _payments_shown(db, catalogue, owners, now)
        ),
        closed_won_to_activation=closed_won_to_activation(await won_orders(db, begins), now),
        billed_after_delivery=billed_after_delivery(delivered.orders, begins, leakage_days, now),
        leakage=leakage(
            delivered.orders,
            leakage_days,
            now,
            nameless_implementations=delivered.nameless_implementations,
            nameless_invoices=delivered.nameless_invoices,
        ),
        disputes=disputes(
            {key: one for key, one in invoices.items() if key[0] in owners},
            await dispute_signs(db, owners),
            catalogue.definitions.risk_rules(),
            begins,
            now,
        ),
    )


def _objectives(catalogue: Catalogue) -> dict[str, timedelta]:
    """Of processes that come to an end: one that watches over an account or contract has none."""
    return {
        name: timedelta(minutes=process.objective_minutes)
        for name, process in catalogue.processes.processes.items()
        if process.per is Per.OPPORTUNITY
    }


def _activation_limit(catalogue: Catalogue) -> timedelta | None:
    """How soon an order's subscription is expected to be active; None where nothing is."""
    limits = [
        one.within
        for one in catalogue.expectations.expectations.values()
        if one.process == QUOTE_TO_CASH
        and one.after is Milestone.ORDER_ACCEPTED
        and one.then is Milestone.SUBSCRIPTION_ACTIVATED
    ]
    return min(limits, default=None)


async def _payments_shown(
    db: Database, catalogue: Catalogue, owners: Collection[str], now: datetime
) -> list[PaymentsShown]:
    """What open renewals say of payments, beside what is on record now."""
    rules, today = catalogue.definitions.risk_rules(), now.date()
    until = today + timedelta(days=max(catalogue.definitions.renewal.windows_days))
    seen = [one for one in await upcoming_renewals(db, until) if one.state != WAITING]
    kept = await positions_of(db, owners, [one.account_id for one in seen])
    shown = []
    for one in seen:
        position = kept.get(one.account_id) or Position(account_id=one.account_id)
        found = own_assessment(position, rules, today)
        shown.append(
            PaymentsShown(
                shown_status=one.payment_status,
                shown_level=one.payment_level,
                status=found.status.value if position.own else "",
                level=found.level.value,
            )
        )
    return shown
