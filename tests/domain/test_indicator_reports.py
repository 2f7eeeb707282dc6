"""The indicators, from given facts: what counts, and what is left unsaid."""

from datetime import UTC, date, datetime, timedelta

from canonical.money import Money
from canonical.renewal import ForecastCategory, ReadinessState, RenewalOutcome
from domain.reports.foresight import forecast_accuracy, renewal_warning
from domain.reports.leadership import (
    OpenedCase,
    OrderProgress,
    PaymentsShown,
    billing_activation,
    cases_before_due,
    onboarding_launch,
    renewals_reflect_payments,
)
from domain.reports.reaction import OverdueInvoice, RiskCall, overdue_reaction
from domain.reports.renewal_history import View, view_at
from domain.reports.workflows import OrderStanding, order_lists
from tests.domain.portfolio import GLOBEX
from tests.domain.views import decided, history, view

TODAY = date(2027, 1, 15)
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOWS = [90, 60, 30]


def test_the_view_of_a_window_is_the_one_that_stood_when_it_opened() -> None:
    """The first of that day, else the newest before, else the first after; none once decided."""
    first, late = view(90, unknown=["support"]), view(45)

    def at(window: int, *views: View, today: date = TODAY) -> View | None:
        return view_at(history(*views), window, WINDOWS, today)

    assert at(90, first, view(90), late) == first
    assert at(60, first, late) == first
    assert at(30, first, late) == late
    assert at(90, view(85)) == view(85)
    assert at(90, view(45)) is None
    assert at(30, first, decided(40, RenewalOutcome.WON)) is None
    assert at(30, first, today=date(2026, 11, 1)) is None


def test_a_forecast_is_right_when_what_it_counted_on_came() -> None:
    """`commit` and `best_case` count on a renewal; the share of complete views needs no outcome."""
    best = view(90, state=ReadinessState.AT_RISK, forecast=ForecastCategory.BEST_CASE)
    pipeline = view(
        90, state=ReadinessState.UNKNOWN, forecast=ForecastCategory.PIPELINE, unknown=["usage"]
    )
    found = forecast_accuracy(
        [
            history(view(90), outcome=RenewalOutcome.WON),
            history(best, outcome=RenewalOutcome.LOST),
            history(pipeline, outcome=RenewalOutcome.LAPSED),
            history(pipeline),
        ],
        WINDOWS,
        TODAY,
    )

    at_90 = found.windows[0]
    assert (found.renewals, at_90.window_days) == (4, 90)
    assert (at_90.complete.met, at_90.complete.of) == (2, 4)
    assert (at_90.accurate.met, at_90.accurate.of, at_90.accurate.percent) == (2, 3, 66)
    told = {one.forecast: (one.renewed.met, one.renewed.of) for one in at_90.by_forecast}
    assert told == {"commit": (1, 1), "best_case": (0, 1), "pipeline": (0, 1)}


def test_a_forecast_of_nothing_is_no_data() -> None:
    """Each window is there, with no percentage."""
    found = forecast_accuracy([], WINDOWS, TODAY)

    assert [one.window_days for one in found.windows] == WINDOWS
    assert {one.accurate.percent for one in found.windows} == {None}


def test_trouble_counts_as_seen_only_before_its_effect() -> None:
    """A view that came with the outcome warned nobody."""
    blocked = {"state": ReadinessState.BLOCKED, "forecast": ForecastCategory.PIPELINE}
    lost = {"outcome": RenewalOutcome.LOST}
    warned = history(view(90), view(60, **blocked), decided(20, RenewalOutcome.LOST), **lost)
    same_day = history(view(20, **blocked), decided(20, RenewalOutcome.LOST), **lost)
    unwarned = history(view(90), decided(20, RenewalOutcome.LOST), **lost)
    won = history(view(30, **blocked), outcome=RenewalOutcome.WON)
    found = renewal_warning([warned, same_day, unwarned, won])

    assert (found.ended_with_warning.met, found.ended_with_warning.of) == (1, 3)
    assert (found.blocked_before.count, found.blocked_before.median_days) == (3, 30)


def test_an_overdue_invoice_is_measured_to_the_call_that_was_made_about_it() -> None:
    """One call an account: an invoice that falls due meanwhile has it already; one that was paid
    first needs none; and the call of a later lateness is not its own."""
    late = NOW
    called = OverdueInvoice(account_id=GLOBEX, at=late)
    second = OverdueInvoice(account_id=GLOBEX, at=late + 200 * HOUR)
    paid = OverdueInvoice(account_id="001Initech", at=late, settled_at=late + HOUR)
    waits = OverdueInvoice(account_id="001Hooli", at=late)
    calls = [
        RiskCall(account_id=GLOBEX, opened_at=late + 144 * HOUR),
        RiskCall(account_id="001Initech", opened_at=late + 500 * HOUR),
    ]
    found = overdue_reaction([called, second, paid, waits], calls)

    assert (found.overdue, found.called, found.call_was_open) == (4, 1, 1)
    assert (found.settled_first, found.without_call) == (1, 1)
    assert found.to_call.median_seconds == found.to_call.p90_seconds == 144 * 3600


def test_a_call_that_was_closed_before_is_not_about_a_later_invoice() -> None:
    """It waits for its own."""
    earlier = RiskCall(account_id=GLOBEX, opened_at=NOW - 9 * HOUR, closed_at=NOW - HOUR)
    found = overdue_reaction([OverdueInvoice(account_id=GLOBEX, at=NOW)], [earlier])

    assert (found.without_call, found.to_call.count) == (1, 0)


def test_an_onboarding_is_late_once_its_time_is_over_and_not_judged_before() -> None:
    """On time, late, not launched, and not due yet."""
    accepted = NOW - 100 * HOUR
    orders = [
        OrderProgress(accepted_at=accepted, onboarding_at=accepted + 24 * HOUR),
        OrderProgress(accepted_at=accepted, onboarding_at=accepted + 30 * HOUR),
        OrderProgress(accepted_at=accepted),
        OrderProgress(accepted_at=NOW - HOUR),
    ]
    found = onboarding_launch(orders, 24, NOW)

    assert (found.on_time.met, found.on_time.of) == (1, 3)
    assert (found.late, found.not_launched, found.not_due) == (1, 1, 1)
    assert onboarding_launch([], 24, NOW).on_time.percent is None


def test_an_activation_follows_the_rules_when_it_is_in_time_and_nothing_was_booked_before() -> None:
    """Billing gates the ERP (R67)."""
    accepted, limit = NOW - 10 * HOUR, HOUR
    soon = accepted + HOUR / 2
    orders = [
        OrderProgress(accepted_at=accepted, activated_at=soon, booked_at=soon + HOUR),
        OrderProgress(accepted_at=accepted, activated_at=accepted + 2 * HOUR),
        OrderProgress(accepted_at=accepted, activated_at=soon, booked_at=accepted),
        OrderProgress(accepted_at=accepted),
        OrderProgress(accepted_at=NOW),
    ]
    found = billing_activation(orders, limit, NOW)

    assert (found.by_the_rules.met, found.by_the_rules.of) == (1, 4)
    assert (found.late, found.not_activated, found.booked_before, found.not_due) == (1, 1, 1, 1)
    unlimited = billing_activation(orders, None, NOW)
    assert (unlimited.by_the_rules.met, unlimited.limit_minutes) == (2, None)


def test_a_renewal_reflects_payments_only_where_both_sides_are_known() -> None:
    """What is not known is not reflected, and does not differ either."""

    def shows(before: str, now: str, level: str = "none") -> PaymentsShown:
        return PaymentsShown(shown_status=before, shown_level="none", status=now, level=level)

    found = renewals_reflect_payments(
        [
            shows("good", "good"),
            shows("good", "delinquent", "watch"),
            shows("unknown", "unknown"),
            shows("good", ""),
        ]
    )

    assert (found.reflected.met, found.reflected.of) == (1, 4)
    assert (found.differ, found.unknown) == (1, 2)


def test_a_case_is_early_when_its_process_was_not_due_yet() -> None:
    """A process that never ends has no due time, and its cases do not count."""

    def case(minutes: int, process: str = "quote-to-cash") -> OpenedCase:
        opened = NOW + timedelta(minutes=minutes)
        return OpenedCase(process=process, started_at=NOW, opened_at=opened)

    found = cases_before_due([case(10), case(90), case(1, "other")], {"quote-to-cash": HOUR})

    assert (found.cases, found.in_time.met, found.before_due.median_seconds) == (2, 1, 50 * 60)


def test_orders_are_in_one_list_at_most_and_cancelled_ones_in_none() -> None:
    """Completed lately, over time and nobody asked, or with a case; data is a cause of its own."""

    def stands(number: int, hours: int, stage: str = "activating", *causes: str) -> OrderStanding:
        began = NOW - hours * HOUR
        return OrderStanding(
            workflow_id=f"quote-to-cash/crm/{number}", account_id=GLOBEX, stage=stage,
            value=Money.of("10", "USD"), started_at=began, updated_at=began, causes=list(causes),
        )  # fmt: skip

    found = order_lists(
        [
            stands(1, 5, "completed"), stands(2, 99, "completed"), stands(3, 5), stands(4, 0),
            stands(5, 5, "waiting", "UnmappedProduct"), stands(6, 5, "waiting", "CreditHold"),
            stands(7, 5, "cancelled"),
        ],
        HOUR, NOW - 48 * HOUR, NOW, 1,
    )  # fmt: skip

    assert [(one.name, one.number) for one in found] == [
        ("completed", 1), ("delayed", 1), ("failed", 2)
    ]  # fmt: skip
    assert (found[2].data_quality, len(found[2].rows)) == (1, 1)
    assert found[2].money.amounts == [Money.of("20", "USD")]
