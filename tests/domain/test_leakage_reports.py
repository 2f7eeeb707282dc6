"""Delivered and not billed, disputes, and closed-won to activation, from given facts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical.facts import InvoiceStatus
from canonical.money import Money
from canonical.plan import OneTimeItem, Phase, PricedItem, SubscriptionSpec
from domain.definitions.samples import onboarding, task
from domain.reports.activation import WonOrder, closed_won_to_activation
from domain.reports.disputes import Disputes, DisputeSign, disputes
from domain.reports.leakage import Leakage, billed_after_delivery, leakage
from domain.reports.order_delivery import (
    BillableCharge,
    DeliveredOrder,
    Delivery,
    OrderInvoice,
    charges_of,
    delivery_of,
    order_invoice,
)
from tests.domain.portfolio import RULES, invoice

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIMIT = 30
LONG_AGO = NOW - 100 * DAY
YEARLY = BillableCharge(amount=Money.of("100", "USD"), due_on=LONG_AGO.date())
GO_LIVE = BillableCharge(amount=Money.of("20", "USD"), milestone="Go-Live")


def billed(amount: str, days_ago: int = 90, source: str = "billing", currency: str = "USD") -> Any:
    """An invoice of the order."""
    posted_at = NOW - days_ago * DAY
    return OrderInvoice(connection=source, posted_at=posted_at, amount=Money.of(amount, currency))


def order(*invoices: OrderInvoice, **facts: Any) -> DeliveredOrder:
    """An order over 120.00 USD, implemented a hundred days ago: yearly charge and go-live."""
    given: dict[str, Any] = {
        "opportunity_id": "006Globex", "value": Money.of("120", "USD"),
        "delivery": Delivery(complete_at=LONG_AGO), "charges": [YEARLY, GO_LIVE],
        "invoices": list(invoices),
    }  # fmt: skip
    return DeliveredOrder.model_validate(given | facts)


def leaks(*orders: DeliveredOrder) -> Leakage:
    """What leaks of them now."""
    return leakage(orders, LIMIT, NOW)


def test_what_is_delivered_and_on_no_invoice_leaks_with_its_money_and_age() -> None:
    """The whole order, the milestone that was never billed, and nothing of one that is."""
    found = leaks(
        order(), order(billed("100")), order(billed("100"), billed("20", 5)), order(billed("999"))
    )

    assert (found.delivered, found.leaking.met, found.leaking.of) == (4, 2, 4)
    assert found.leaked == [Money.of("140", "USD")]
    assert (found.oldest_days, found.unknown) == (100, 0)


def test_leakage_is_summed_by_currency() -> None:
    """Dollars and euros are two sums."""
    euros = [BillableCharge(amount=Money.of("7", "EUR"), due_on=LONG_AGO.date())]

    assert leaks(order(), order(charges=euros)).leaked == [
        Money.of("7", "EUR"), Money.of("120", "USD")
    ]  # fmt: skip


def test_a_milestone_leaks_though_the_implementation_goes_on_and_the_year_is_billed() -> None:
    """The invoice is for the year, which was due before; the name's case does not matter."""
    reached = Delivery(reached={"go-live": NOW - 40 * DAY})
    found = leaks(order(billed("100"), delivery=reached))

    assert found.leaked == [Money.of("20", "USD")]
    assert found.oldest_days == 40
    assert leaks(order(billed("120"), delivery=reached)).leaking.met == 0
    lately = Delivery(reached=reached.reached, complete_at=NOW - DAY)
    assert leaks(order(billed("100"), delivery=lately)).leaked == [Money.of("20", "USD")]


def test_what_is_not_delivered_or_within_the_limit_does_not_leak() -> None:
    """An order that nobody has implemented owes nothing yet, and thirty days are allowed."""
    found = leaks(
        order(delivery=Delivery()),
        order(delivery=Delivery(complete_at=NOW - 29 * DAY)),
        order(charges=[YEARLY.model_copy(update={"due_on": date(2027, 1, 1)})]),
    )

    assert (found.delivered, found.leaking.percent, found.leaked) == (0, None, [])
    assert found.oldest_days is None


def test_only_the_intervals_that_have_begun_are_due() -> None:
    """A subscription whose first year is billed does not leak the second before it begins."""
    second = YEARLY.model_copy(update={"due_on": NOW.date() - 31 * DAY})
    later = YEARLY.model_copy(update={"due_on": NOW.date() - 29 * DAY})

    assert leaks(order(billed("100"), charges=[YEARLY, later])).leaking.met == 0
    assert leaks(order(billed("100"), charges=[YEARLY, second])).leaked == [Money.of("100", "USD")]


def test_invoices_that_cannot_be_attributed_make_leakage_unknown_and_never_good() -> None:
    """An order that would leak is not known; one whose own invoices suffice is."""
    found = leaks(order(unattributed=True), order(billed("120"), unattributed=True))

    assert (found.delivered, found.unknown) == (2, 1)
    assert (found.leaking.met, found.leaking.of) == (0, 1)


def test_an_order_without_terms_leaks_as_a_whole_or_is_not_known() -> None:
    """Once its invoicing has begun, what was due by now cannot be told."""
    found = leaks(
        order(charges=None), order(billed("10"), charges=None), order(billed("120"), charges=None),
        order(charges=None, value=None),
    )  # fmt: skip

    assert (found.leaking.met, found.leaking.of, found.unknown) == (1, 2, 2)
    assert found.leaked == [Money.of("120", "USD")]


def test_invoices_of_two_systems_are_known_only_where_it_makes_no_difference() -> None:
    """They may tell of one invoice, or each of its own; other currencies are not compared."""
    twice = order(billed("60"), billed("60", source="erp"))
    enough = order(billed("120"), billed("120", source="erp"))
    found = leaks(twice, enough, order(billed("120", currency="EUR")))

    assert (found.leaking.met, found.leaking.of, found.unknown) == (0, 1, 2)


def test_an_order_is_billed_in_time_by_its_first_invoice() -> None:
    """From before its implementation on; late, never, and with time left; none of it by guess."""
    lately = Delivery(complete_at=NOW - 3 * DAY)
    orders = [
        order(billed("10", 200)), order(billed("10", 71)), order(billed("10", 60)), order(),
        order(delivery=lately), order(unattributed=True), order(billed("0", 90)),
    ]  # fmt: skip
    found = billed_after_delivery(orders, NOW - 365 * DAY, LIMIT, NOW)

    assert found.completed == 7
    assert (found.in_time.met, found.in_time.of, found.late, found.not_billed) == (2, 5, 1, 2)
    assert (found.not_due, found.unknown) == (1, 1)


def test_billing_is_measured_of_the_orders_completed_in_the_period_from_their_terms_on() -> None:
    """A subscription that begins in autumn is not late in summer."""
    autumn = [YEARLY.model_copy(update={"due_on": date(2026, 9, 1)})]
    orders = [order(), order(charges=autumn), order(delivery=Delivery())]

    assert billed_after_delivery(orders, NOW - 99 * DAY, LIMIT, NOW).completed == 0
    found = billed_after_delivery(orders, LONG_AGO, LIMIT, NOW)
    assert (found.completed, found.not_due, found.not_billed) == (2, 1, 1)


def test_the_charges_of_a_subscription_add_up_to_its_order() -> None:
    """An interval on its first day, what is charged once with the first; none after the end."""
    items = [
        PricedItem(line_id="1", product="p", quantity=2, unit_amount_minor=500, interval_months=12)
    ]
    once = {"line_id": "2", "product": "s", "quantity": 1, "unit_amount_minor": 300}
    terms = SubscriptionSpec(
        opportunity_id="006Globex", account_id="001Globex", currency="USD", days_until_due=30,
        phases=[Phase(starts_on=date(2026, 1, 31), months=24, items=items)],
        one_time=[OneTimeItem(**once), OneTimeItem(**once, milestone="go-live")],
        total=Money.of("26", "USD"),
    )  # fmt: skip

    def due(ended_on: date | None) -> list[tuple[date | None, int]]:
        return [(one.due_on, one.amount.amount_minor) for one in charges_of(terms, ended_on)]

    assert due(None) == [
        (date(2026, 1, 31), 1000), (date(2027, 1, 31), 1000), (date(2026, 1, 31), 300), (None, 300)
    ]  # fmt: skip
    assert due(date(2027, 1, 31)) == [
        (date(2026, 1, 31), 1000),
        (date(2026, 1, 31), 300),
        (None, 300),
    ]


def test_an_implementation_is_complete_by_the_definition_and_as_of_its_last_part() -> None:
    """An open task, or a milestone that the business requires, keeps it open."""
    done = onboarding(True).model_copy(update={"completed_at": LONG_AGO})
    went_live = task("Go-Live", True).model_copy(update={"completed_at": LONG_AGO + DAY})

    complete = delivery_of([done], [went_live], ["Go-Live"])
    assert complete == Delivery(complete_at=LONG_AGO + DAY, reached={"go-live": LONG_AGO + DAY})
    assert delivery_of([done], [went_live, task("training", False)], []).complete_at is None
    assert delivery_of([done], [went_live], ["training"]).complete_at is None
    assert delivery_of([], [went_live], []).reached == {"go-live": LONG_AGO + DAY}


def test_what_is_invoiced_has_credits_off_and_neither_drafts_nor_void_ones() -> None:
    """A write-off was invoiced all the same."""
    credited = invoice(1, remaining=Money.of("2000", "USD"))
    written_off = invoice(1, status=InvoiceStatus.UNCOLLECTIBLE)
    counted = [order_invoice("billing", one) for one in (credited, written_off)]

    assert [one and one.amount for one in counted] == [
        Money.of("2000", "USD"), Money.of("12000", "USD")
    ]  # fmt: skip
    assert order_invoice("billing", invoice(1, status=InvoiceStatus.VOID)) is None
    assert order_invoice("billing", invoice(1, status=InvoiceStatus.DRAFT)) is None


def told(invoice_id: str, hours_ago: int, disputed: bool) -> DisputeSign:
    """That an invoice is disputed, or is no more."""
    return DisputeSign(
        connection="billing", invoice_id=invoice_id, at=NOW - hours_ago * HOUR, disputed=disputed
    )


def disputed(*signs: DisputeSign, since: datetime = LONG_AGO, **invoices: Any) -> Disputes:
    """What is to be said of these invoices, by id."""
    known = {("billing", name): one for name, one in invoices.items()}
    return disputes(known, signs, RULES, since, NOW)


def test_disputes_are_a_share_of_the_invoices_with_the_money_that_is_open() -> None:
    """One stands, one is over, one never was; one was posted before the period."""
    open_one = invoice(1, disputed=True, currency="EUR")
    older = invoice(4, posted_at=LONG_AGO - DAY)
    found = disputed(
        told("in_1", 9, True), told("in_2", 50, True), told("in_2", 2, False),
        in_1=open_one, in_2=invoice(2), in_3=invoice(3), in_4=older,
    )  # fmt: skip

    assert (found.invoices, found.disputed.met, found.disputed.of) == (3, 2, 3)
    assert (found.open_now, found.open_money) == (1, [Money.of("12000", "EUR")])
    assert (found.settled, found.untimed) == (1, 0)
    assert found.to_settle.median_seconds == 48 * 3600


def test_a_dispute_of_an_older_invoice_counts_in_the_period_in_which_it_stands() -> None:
    """It stands now, or it began or ended in the period; one that was over before does not."""
    old = {"posted_at": LONG_AGO - 90 * DAY}
    found = disputed(
        told("in_2", 4000, True), told("in_2", 5, False),
        told("in_3", 5000, True), told("in_3", 4000, False),
        in_1=invoice(1, disputed=True, **old), in_2=invoice(2, **old), in_3=invoice(3, **old),
    )  # fmt: skip

    assert (found.disputed.met, found.disputed.of) == (2, 2)
    assert (found.settled, found.to_settle.count) == (0, 0)


def test_a_dispute_that_ended_untold_is_settled_without_a_time() -> None:
    """A payment tells of itself only; and what is told twice while it lasts is one dispute."""
    found = disputed(
        told("in_1", 9, True), told("in_1", 8, True), told("in_2", 9, True), told("in_3", 9, True),
        told("in_3", 7, True), told("in_3", 5, False),
        in_1=invoice(1, paid="12000"), in_2=invoice(2, disputed=True), in_3=invoice(3),
    )  # fmt: skip

    assert (found.settled, found.untimed, found.open_now) == (2, 1, 1)
    assert (found.to_settle.count, found.to_settle.p90_seconds) == (1, 4 * 3600)


def test_drafts_and_void_invoices_are_not_posted_and_hold_no_money() -> None:
    """One that was posted and withdrawn was an invoice."""
    found = disputed(
        in_1=invoice(1, status=InvoiceStatus.DRAFT, posted_at=None),
        in_2=invoice(2, status=InvoiceStatus.VOID, posted_at=None),
        in_3=invoice(3, status=InvoiceStatus.VOID, disputed=True),
        in_4=invoice(4, posted_at=None),
    )

    assert (found.invoices, found.disputed.met, found.open_money) == (2, 0, [])
    assert disputed().disputed.percent is None


def test_time_to_activation_is_from_the_won_deal_whoever_held_it_up() -> None:
    """What waits is counted beside it: for its acceptance, or for its subscription."""
    orders = [
        WonOrder(won_at=NOW - 50 * HOUR, accepted_at=NOW - 4 * HOUR, activated_at=NOW - 3 * HOUR),
        WonOrder(won_at=NOW - 9 * HOUR, accepted_at=NOW - 9 * HOUR, activated_at=NOW - 8 * HOUR),
        WonOrder(won_at=NOW - 70 * HOUR),
        WonOrder(won_at=NOW - 2 * HOUR, accepted_at=NOW - HOUR),
    ]
    found = closed_won_to_activation(orders, NOW)

    assert (found.orders, found.not_accepted, found.not_activated) == (4, 1, 1)
    assert found.to_activation.count == 2
    assert found.to_activation.p90_seconds == 47 * 3600
    assert found.from_acceptance.median_seconds == 3600
    assert found.oldest_seconds == 70 * 3600


def test_without_an_order_there_is_no_time_to_activation() -> None:
    """Neither a median nor an age."""
    found = closed_won_to_activation([], NOW)

    assert (found.to_activation.median_seconds, found.oldest_seconds) == (None, None)
