"""From closed-won to activation and from implementation to billing, over both ledgers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical.connections import Environment
from canonical.effects import ProcessRef
from canonical.facts import InvoiceStatus
from canonical.inbound import InboundEvent
from canonical.money import Money
from canonical.plan import OneTimeItem, Phase, PricedItem, SubscriptionSpec
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.views.indicators import IndicatorsReport, indicators
from tests.domain.portfolio import GLOBEX
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, DEAL, PortfolioLedger

SINCE = date(2026, 1, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUNE = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger in June."""
    clock.now = JUNE
    return PortfolioLedger(db, clock)


async def measured(office: PortfolioLedger, since: date = SINCE) -> IndicatorsReport:
    """The indicators of now."""
    return await indicators(office.db, CATALOGUE, [BILLING], since, office.clock())


def terms(deal: str = DEAL, **facts: Any) -> SubscriptionSpec:
    """Two years of 50,000.00 USD each from June on, and 20,000.00 USD with go-live."""
    item = PricedItem(
        line_id="1", product="platform", quantity=1, unit_amount_minor=5_000_000, interval_months=12
    )
    live = OneTimeItem(
        line_id="2", product="setup", quantity=1, unit_amount_minor=2_000_000, milestone="go-live"
    )
    given = {
        "opportunity_id": deal, "account_id": GLOBEX, "currency": "USD", "days_until_due": 30,
        "phases": [Phase(starts_on=JUNE.date(), months=24, items=[item])], "one_time": [live],
        "total": Money.of("120000", "USD"),
    }  # fmt: skip
    return SubscriptionSpec.model_validate(given | facts)


async def activated(office: PortfolioLedger, deal: str = DEAL, **facts: Any) -> ProcessRef:
    """An order of Globex with its subscription."""
    process = await office.orders(deal)
    written = {"milestone": "subscription_activated", "request": terms(deal, **facts)}
    await office.step("subscription", process, deal, **written)
    return process


async def test_a_milestone_that_was_reached_and_never_billed_leaks(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The first year is billed, the second has not begun, go-live is on no invoice."""
    await activated(office)
    await office.invoiced(1, total="50000", posted_at=clock())
    clock.advance(86_400)
    await office.implements(completed=True, opportunity_id=DEAL)
    within = await measured(office)
    clock.now += 41 * DAY
    after = await measured(office)

    assert (within.leakage.delivered, within.leakage.limit_days) == (0, 30)
    assert (after.leakage.leaking.met, after.leakage.leaking.of) == (1, 1)
    assert after.leakage.leaked == [Money.of("20000", "USD")]
    assert (after.leakage.oldest_days, after.leakage.unknown) == (41, 0)
    billed = after.billed_after_delivery
    assert (billed.completed, billed.in_time.met, billed.in_time.of) == (1, 1, 1)
    assert "implementation_complete@1" in after.definitions


async def test_an_order_that_is_implemented_and_has_no_invoice_leaks_what_is_due(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Another's invoice does not help it; once its own is void it leaks again."""
    await activated(office)
    await office.implements(completed=True, opportunity_id=DEAL)
    await office.invoiced(1, opportunity_id="006Other", account_id="001Other")
    clock.now += 40 * DAY
    before = await measured(office)
    await office.invoiced(2, total="70000", posted_at=clock())
    billed = await measured(office)
    await office.invoiced(2, version_=2, total="70000", status=InvoiceStatus.VOID)
    withdrawn = await measured(office)

    assert before.leakage.leaked == [Money.of("70000", "USD")]
    assert (before.billed_after_delivery.not_billed, before.leakage.oldest_days) == (1, 40)
    assert (billed.leakage.leaking.met, billed.billed_after_delivery.late) == (0, 1)
    assert withdrawn.leakage.leaked == [Money.of("70000", "USD")]


async def test_an_invoice_that_names_no_order_makes_it_unknown_whether_one_leaks(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Unless it is older than the order, or its contract names the order; one that does not even
    name an account may be anybody's, and is counted beside it."""
    await activated(office)
    await office.implements(completed=True, opportunity_id=DEAL)
    older = {"opportunity_id": "", "posted_at": clock() - 9 * DAY}
    await office.invoiced(1, **older)
    await office.invoiced(3, opportunity_id="", account_id="", posted_at=clock())
    clock.now += 40 * DAY
    known = await measured(office)
    stray = {"opportunity_id": "", "total": "70000", "posted_at": clock(), "contract_id": "sub_x"}
    await office.invoiced(2, **stray)
    unknown = await measured(office)
    await office.contract(id="sub_x")
    told = await measured(office)

    assert (known.leakage.leaking.met, known.leakage.nameless_invoices) == (1, 1)
    assert (unknown.leakage.unknown, unknown.leakage.leaking.of) == (1, 0)
    assert unknown.billed_after_delivery.unknown == 1
    assert (told.leakage.leaking.met, told.leakage.leaking.of) == (0, 1)


async def test_without_any_invoice_on_record_nothing_is_said_of_leakage(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Nobody may have told of them."""
    await activated(office)
    await office.implements(completed=True, opportunity_id=DEAL)
    clock.now += 40 * DAY
    found = await measured(office)

    assert (found.leakage.delivered, found.leakage.unknown) == (1, 1)
    assert found.billed_after_delivery.in_time.percent is None


async def test_implementations_of_no_order_and_cancelled_orders_do_not_leak(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The first are counted beside it, since what they delivered may be on no invoice."""
    await office.orders(stage="cancelled")
    await office.implements(completed=True, opportunity_id=DEAL)
    nameless = {"id": "1P03", "opportunity_id": ""}
    foreign = {"id": "1P04", "opportunity_id": "006Foreign"}
    for facts in (nameless, foreign):
        onboarding = {"version": "v1", "changed_at": clock(), "status": "Closed", "completed": True}
        await office.onboarded(**onboarding | facts)
    await office.invoiced(1, opportunity_id="006Other", account_id="001Other")
    clock.now += 40 * DAY
    found = (await measured(office)).leakage

    assert (found.delivered, found.nameless_implementations) == (0, 2)


async def test_a_contract_that_ended_owes_no_further_interval(
    office: PortfolioLedger, clock: Clock
) -> None:
    """The second year never begins."""
    await activated(office, one_time=[], total=Money.of("100000", "USD"))
    await office.implements(completed=True, opportunity_id=DEAL)
    await office.invoiced(1, total="50000", posted_at=clock())
    clock.now += 420 * DAY
    running = await measured(office)
    await office.contract(ended_at=JUNE + 300 * DAY, status="canceled")
    ended = await measured(office)

    assert running.leakage.leaked == [Money.of("50000", "USD")]
    assert running.leakage.oldest_days == 55
    assert (ended.leakage.leaking.met, ended.leakage.leaking.of) == (0, 1)


async def test_orders_and_records_of_many_pages_are_judged_whole(
    office: PortfolioLedger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left on a page, nor counted twice."""
    for module in ("deliveries", "invoices"):
        monkeypatch.setattr(f"ledger.views.{module}.ROWS_PER_PAGE", 2)
    monkeypatch.setattr("ledger.views.deliveries.IDS_PER_QUERY", 2)
    monkeypatch.setattr("ledger.views.won_orders.ORDERS_PER_PAGE", 2)
    for number in range(5):
        await activated(office, f"006{number}")
        done = {"version": "v1", "changed_at": clock(), "status": "Closed", "completed": True}
        await office.onboarded(**done, id=f"1P{number}", opportunity_id=f"006{number}")
        named = {"opportunity_id": f"006{number}", "account_id": ""}
        await office.invoiced(number, total="50000", disputed=True, posted_at=clock(), **named)
    clock.now += 40 * DAY
    found = await measured(office)

    assert (found.leakage.delivered, found.leakage.leaking.met) == (5, 5)
    assert found.leakage.leaked == [Money.of("100000", "USD")]
    assert (found.disputes.disputed.met, found.disputes.open_now) == (5, 5)
    assert found.closed_won_to_activation.to_activation.count == 5


async def test_disputes_are_told_with_their_money_and_how_long_they_took(
    office: PortfolioLedger, clock: Clock
) -> None:
    """One is settled in three days, one ends with a payment, one stands, one never was."""
    for number in range(1, 5):
        await office.invoiced(number, total="100", posted_at=clock())
    clock.advance(3600)
    for number in range(1, 4):
        facts = {"total": "100", "disputed": True, "changed_at": clock()}
        await office.invoiced(number, version_=2, **facts)
    clock.now += 3 * DAY
    await office.invoiced(1, version_=3, total="100", changed_at=clock())
    paid = {"total": "100", "paid": "100", "paid_at": clock(), "changed_at": clock()}
    await office.invoiced(2, version_=3, **paid)
    found = (await measured(office)).disputes

    assert (found.invoices, found.disputed.met, found.disputed.percent) == (4, 3, 75)
    assert (found.open_now, found.open_money) == (1, [Money.of("100", "USD")])
    assert (found.settled, found.untimed, found.to_settle.count) == (2, 1, 1)
    assert found.to_settle.median_seconds == 3 * 86_400


async def test_a_dispute_that_ended_before_the_period_is_not_of_it(
    office: PortfolioLedger, clock: Clock
) -> None:
    """One that was told of before and ends in it is, without a time of its own."""
    for number in (1, 2):
        await office.invoiced(number, posted_at=JUNE, disputed=True, changed_at=clock())
    clock.now += DAY
    await office.invoiced(1, version_=2, posted_at=JUNE, changed_at=clock())
    clock.now += 10 * DAY
    await office.invoiced(2, version_=2, posted_at=JUNE, changed_at=clock())
    found = (await measured(office, (clock() - 5 * DAY).date())).disputes

    assert (found.invoices, found.disputed.met, found.settled) == (1, 1, 0)


async def test_activation_is_measured_from_when_the_crm_says_that_the_deal_was_won(
    office: PortfolioLedger, clock: Clock
) -> None:
    """It was told of two hours late; a deal started by hand is measured from its start; one waits;
    a cancelled one does not count."""
    hint = InboundEvent(
        source="crm", event_id="e1", type="opportunity.closed_won", kind="opportunity",
        subject=DEAL, version="v1", environment=Environment.TEST, body=b"{}",
        occurred_at=clock() - 2 * HOUR, received_at=clock(),
    )  # fmt: skip
    await Inbox(office.db).store(hint)
    (stored,) = await Inbox(office.db).pending(10, clock(), source="crm")
    await Inbox(office.db).dispatched(stored.id, f"quote-to-cash/crm/{DEAL}")
    told, by_hand = await office.orders(), await office.orders("006ByHand")
    await office.orders("006Waits", stage="activating")
    await office.orders("006Gone", stage="cancelled")
    clock.advance(3600)
    for process, deal in ((told, DEAL), (by_hand, "006ByHand")):
        await office.step("subscription", process, deal, milestone="subscription_activated")
    found = (await measured(office)).closed_won_to_activation
    later = (await measured(office, (clock() + DAY).date())).closed_won_to_activation

    assert (found.orders, found.not_accepted, found.not_activated) == (3, 0, 1)
    assert (found.to_activation.count, found.to_activation.p90_seconds) == (2, 3 * 3600)
    assert found.from_acceptance.p90_seconds == 3600
    assert (later.orders, later.oldest_seconds) == (0, None)
