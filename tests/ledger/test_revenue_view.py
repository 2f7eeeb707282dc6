"""Orders by revenue status over both ledgers: milestones, and what the ERP was given."""

from datetime import UTC, date, datetime, timedelta

import pytest

from canonical.desk import CaseOpening, Failure
from canonical.effects import ProcessRef
from canonical.money import Money
from canonical.orders import Charge
from canonical.plan import SalesOrderLine, SalesOrderSpec
from domain.definitions.revenue_status import Revenue
from domain.reports.revenue import RevenueReport
from ledger.views import reports
from tests.domain.portfolio import GLOBEX
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LAST_DAY = date(2027, 2, 28)


async def stated(office: PortfolioLedger, since: datetime = LONG_AGO) -> RevenueReport:
    """The report of now."""
    return (await reports.revenue(office.db, CATALOGUE, [], since, office.clock())).body


def counted(report: RevenueReport) -> dict[Revenue, int]:
    """How many orders are in each status."""
    return {one.status: one.orders for one in report.by_status}


async def booked(office: PortfolioLedger, deal: str, milestone: str = "") -> ProcessRef:
    """An order that stands in the ERP: 120,000.00 USD, recognized until the end of February."""
    line = SalesOrderLine(
        line_id="1", item="platform", quantity=1, amount=Money.of("120000", "USD"),
        charge=Charge.RECURRING, starts_on=date(2026, 3, 1), ends_on=LAST_DAY, milestone=milestone,
    )  # fmt: skip
    spec = SalesOrderSpec(
        opportunity_id=deal, account_id=GLOBEX, legal_entity="US01", currency="USD",
        ordered_on=date(2026, 3, 1), lines=[line], total=line.amount,
    )  # fmt: skip
    process = await office.orders(deal)
    await office.step("sales_order", process, deal, request=spec)
    return process


async def test_orders_are_stated_at_the_step_that_their_records_prove(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Accepted, activated, invoiced and paid; a cancelled one is left out."""
    await office.orders("006Booked")
    active = await office.orders("006Active")
    await office.step("subscription", active, "006Active", milestone="subscription_activated")
    await office.orders("006Paid")
    await office.invoiced(1, opportunity_id="006Paid", paid="12000")
    await office.orders("006Invoiced")
    await office.invoiced(2, opportunity_id="006Invoiced")
    await office.orders("006Gone", stage="cancelled")
    found = await stated(office)

    assert counted(found) == {
        Revenue.BOOKED: 1, Revenue.ACTIVATED: 1, Revenue.INVOICED: 1, Revenue.PAID: 1
    }  # fmt: skip
    assert found.by_status[-1].value.amounts == [Money.of("120000", "USD")]
    assert found.by_status[-1].not_proven == {"not activated": 1, "not recognized": 1}
    assert found.recognition_unknown == 3
    assert (await stated(office, clock() + timedelta(days=1))).orders == 0


async def test_an_order_is_recognized_after_the_last_day_that_was_planned(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Not on it; and where a part is held for a milestone it is not known."""
    await booked(office, "006Over")
    await booked(office, "006Held", milestone="go-live")
    clock.now = datetime(2027, 2, 28, 12, tzinfo=UTC)
    on_its_last_day = await stated(office)
    clock.now += timedelta(days=1)
    after = await stated(office)

    assert counted(on_its_last_day) == {Revenue.BOOKED: 2}
    assert counted(after) == {Revenue.BOOKED: 1, Revenue.RECOGNIZED: 1}
    assert after.recognition_unknown == 1


async def test_an_order_whose_schedule_differs_in_the_erp_is_not_known_to_be_recognized(
    office: PortfolioLedger, clock: Clock
) -> None:
    """It stands there, but not as planned."""
    process = await booked(office, "006Differs")
    failure = Failure(cause="RevenueMismatch", cause_key="RevenueMismatch", message="differs")
    await office.desk.open_case(
        CaseOpening(
            case_id="c1", process=process, step="book_order", gates=True, failure=failure,
            opened_at=clock(),
        )
    )  # fmt: skip
    clock.now = datetime(2027, 6, 1, tzinfo=UTC)
    found = await stated(office)

    assert counted(found) == {Revenue.BOOKED: 1}
    assert found.recognition_unknown == 1


async def test_orders_of_many_pages_are_stated_once_with_how_current_that_is(
    office: PortfolioLedger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Incomplete while it is not known of some, which are not paid, until when it is planned."""
    monkeypatch.setattr("ledger.views.revenue.ORDERS_PER_PAGE", 2)
    for number in range(5):
        await booked(office, f"006{number}")
    await office.invoiced(1, opportunity_id="0060")
    known = await reports.revenue(office.db, CATALOGUE, [BILLING], LONG_AGO, clock())
    await office.orders("006Paid")
    await office.invoiced(2, opportunity_id="006Paid", paid="12000")
    paid = await reports.revenue(office.db, CATALOGUE, [BILLING], LONG_AGO, clock())
    await office.orders("006Unplanned")
    found = await reports.revenue(office.db, CATALOGUE, [BILLING], LONG_AGO, clock())

    assert counted(known.body) == {Revenue.BOOKED: 4, Revenue.INVOICED: 1}
    assert paid.freshness.because == []
    assert (known.freshness.incomplete, known.definitions) == (False, ["revenue_status@1"])
    assert found.freshness.because == [
        "orders not paid of which it is not known until when revenue is planned: 1"
    ]
