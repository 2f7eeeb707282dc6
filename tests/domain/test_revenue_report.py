"""Orders by revenue status: the furthest step that is proven, and what is not."""

from datetime import date
from typing import Any

from canonical.milestones import Milestone
from canonical.money import Money
from domain.definitions.revenue_status import Revenue
from domain.reports.revenue import KnownRevenue, revenue_report

TODAY = date(2027, 1, 1)
BOOKED = [Milestone.ORDER_ACCEPTED]
ACTIVE = [*BOOKED, Milestone.SUBSCRIPTION_ACTIVATED]
INVOICED = [*ACTIVE, Milestone.INVOICE_POSTED]
PAID = [*INVOICED, Milestone.PAYMENT_MATCHED]


def order(milestones: list[Milestone], amount: str = "10", **facts: Any) -> KnownRevenue:
    """An order that came so far, planned until the middle of the year."""
    given = {"milestones": milestones, "recognized_until": date(2027, 6, 30)}
    given |= {"value": Money.of(amount, "USD")}
    return KnownRevenue.model_validate(given | facts)


def test_orders_are_counted_at_their_furthest_proven_step_with_what_is_not_proven() -> None:
    """Paid in advance is paid and not recognized; an amount that is not known is in no sum."""
    over = {"recognized_until": date(2026, 12, 31)}
    paid_early = [*BOOKED, Milestone.PAYMENT_MATCHED]
    found = revenue_report(
        [
            order([]), order(BOOKED), order(INVOICED), order(INVOICED, **over), order(PAID, "5"),
            order(paid_early, "7"), order(ACTIVE, value=None),
        ],
        {}, TODAY,
    )  # fmt: skip

    assert found.orders == 7
    assert [(one.status, one.orders) for one in found.by_status] == [
        (Revenue.NONE, 1), (Revenue.BOOKED, 1), (Revenue.ACTIVATED, 1), (Revenue.INVOICED, 1),
        (Revenue.RECOGNIZED, 1), (Revenue.PAID, 2),
    ]  # fmt: skip
    paid, active = found.by_status[-1], found.by_status[2]
    assert paid.value.amounts == [Money.of("12", "USD")]
    assert paid.not_proven == {"not activated": 1, "not invoiced": 1, "not recognized": 2}
    assert (active.value.amounts, active.value.unknown) == ([], 1)


def test_an_order_whose_plan_is_not_known_is_never_shown_as_recognized() -> None:
    """It is counted as not known instead, unless it is paid, which is further."""
    unplanned = {"recognized_until": None}
    found = revenue_report(
        [order(INVOICED, **unplanned), order(INVOICED), order(PAID, **unplanned)], {}, TODAY
    )

    assert [(one.status, one.orders) for one in found.by_status] == [
        (Revenue.INVOICED, 2), (Revenue.PAID, 1)
    ]  # fmt: skip
    assert found.recognition_unknown == 1
