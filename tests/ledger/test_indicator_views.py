"""Indicators over both ledgers: what was measured, and on how many cases it rests."""

from datetime import date, timedelta

from ledger.views.indicators import indicators
from tests.domain.portfolio import DUE, deal, incidents, invoice, said
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger, at_noon, days_before

SINCE = date(2026, 1, 1)
HOUR = timedelta(hours=1)


async def test_an_empty_ledger_has_no_indicator(office: PortfolioLedger, clock: Clock) -> None:
    """Each says that it rests on nothing, and none has a percentage."""
    found = await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())

    spreads = [found.overdue_to_action.to_call, found.disputes.to_settle]
    spreads.append(found.closed_won_to_activation.to_activation)
    assert {one.count for one in spreads} == {0}
    shares = [one.accurate for one in found.forecast.windows]
    shares += [found.renewal_warning.ended_with_warning, found.cases_before_due.in_time]
    shares += [found.onboarding_launch.on_time, found.billing_activation.by_the_rules]
    shares += [found.renewals_reflect_payments.reflected, found.leakage.leaking]
    shares += [found.billed_after_delivery.in_time, found.disputes.disputed]
    assert {one.percent for one in shares} == {None}
    assert {one.of for one in shares} == {0}


async def test_the_time_from_overdue_to_the_call_is_measured(
    office: PortfolioLedger, clock: Clock
) -> None:
    """From the end of the due date; one invoice was paid before anybody called."""
    clock.now = at_noon(DUE + timedelta(days=1))
    await office.invoiced(1)
    await office.invoiced(2, account_id="001Initech")
    await office.invoiced(2, account_id="001Initech", version_=2, paid="12000", paid_at=clock())
    clock.now = at_noon(DUE + timedelta(days=6))
    await office.calls()

    found = (await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())).overdue_to_action

    assert (found.overdue, found.called, found.settled_first, found.without_call) == (2, 1, 1, 0)
    assert (
        found.to_call.median_seconds
        == int((clock() - at_noon(DUE) - 12 * HOUR).total_seconds()) + 1
    )


async def test_indicators_of_renewals_come_from_their_views(
    office: PortfolioLedger, clock: Clock
) -> None:
    """At T-90 support was away; it was blocked at T-60, and lost at T-20."""
    clock.now = days_before(90)
    await office.look(incidents=None)
    clock.now = days_before(60)
    await office.look(incidents=incidents(open_by_severity={"urgent": 1}, as_of=clock()))
    clock.now = days_before(20)
    await office.look(opportunity=deal(is_closed=True, as_of=clock()))

    found = await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())

    at = {one.window_days: one for one in found.forecast.windows}
    assert [(at[w].complete.met, at[w].complete.of) for w in (90, 60, 30)] == [
        (0, 1), (1, 1), (1, 1)
    ]  # fmt: skip
    assert [at[w].accurate.percent for w in (90, 60, 30)] == [100, 100, 100]
    assert found.renewal_warning.blocked_before.median_days == 60
    assert found.renewal_warning.ended_with_warning.percent == 100


async def test_leaders_see_orders_by_their_own_steps(office: PortfolioLedger, clock: Clock) -> None:
    """One in time; one booked too early, its onboarding late; a cancelled one does not count."""
    served, other = await office.orders(), await office.orders("006Other")
    await office.orders("006Cancelled", stage="cancelled")
    await office.step("sales_order", other, "006Other")
    clock.advance(600)
    for process, deal_id in ((served, "006Globex"), (other, "006Other")):
        milestone = {"milestone": "subscription_activated"}
        await office.step("subscription", process, deal_id, **milestone)
    await office.case(other)
    clock.advance(600)
    await office.step("sales_order", served)
    await office.step("onboarding", served)
    clock.advance(2 * 86_400)
    await office.step("onboarding", other, "006Other")

    found = await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())

    launch, active = found.onboarding_launch, found.billing_activation
    assert (launch.orders, launch.on_time.met, launch.late) == (2, 1, 1)
    assert (active.orders, active.by_the_rules.met, active.booked_before) == (2, 1, 1)
    assert (active.limit_minutes, active.late) == (60, 0)
    assert (found.cases_before_due.cases, found.cases_before_due.in_time.met) == (1, 1)
    assert found.cases_before_due.before_due.median_seconds == 50 * 60


async def test_a_renewal_that_shows_yesterdays_payments_is_found(
    office: PortfolioLedger, clock: Clock
) -> None:
    """It was looked at while the invoice was not due; now it is late, and nobody has looked."""
    renews_on = DUE + timedelta(days=60)
    clock.now = at_noon(DUE)
    await office.invoiced(1)
    await office.look(
        terms_facts={"ends_on": renews_on},
        invoices=[said(invoice(1), connection=BILLING)],
    )
    before = await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())
    clock.now = at_noon(DUE + timedelta(days=20))
    after = await indicators(office.db, CATALOGUE, [BILLING], SINCE, clock())

    assert before.renewals_reflect_payments.reflected.percent == 100
    assert after.renewals_reflect_payments.reflected.met == 0
    assert (after.renewals_reflect_payments.differ, after.renewals_reflect_payments.unknown) == (
        1, 0
    )  # fmt: skip
