"""Properties: no minor unit is ever lost, and nothing but canonical errors comes out."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from canonical.errors import TielineError
from canonical.money import Money
from canonical.orders import Charge, CommercialOrder, OrderAmendment, OrderLine
from domain.planning import plan_order
from domain.revenue import differences, revenue_schedule
from governance.regions import LegalEntity
from tests.domain.orders import CONNECTIONS, globex, order, with_regions

CURRENCIES = ["USD", "JPY", "BHD"]
ENTITY = LegalEntity(name="All", country="DE", currencies=CURRENCIES)
CATALOGUE = with_regions(
    legal_entities=dict.fromkeys(("US01", "DE01", "SG01"), ENTITY),
)
RECURRING = ["GTX-BASIC", "GTX-PRO", "MG-SPECIAL", "GTK-500"]
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@st.composite
def valid_orders(draw: st.DrawFn) -> CommercialOrder:
    """An order that keeps every rule, in a currency of 0, 2 or 3 decimals."""
    currency = draw(st.sampled_from(CURRENCIES))
    codes = draw(st.lists(st.sampled_from(RECURRING), min_size=1, max_size=4))
    codes += draw(st.lists(st.sampled_from(["IMPLEMENTATION", "GO-LIVE"]), max_size=2))
    lines = []
    for number, code in enumerate(codes):
        unit = Money(amount_minor=draw(st.integers(0, 10**9)), currency=currency)
        quantity = draw(st.integers(1, 1000))
        lines.append(
            OrderLine(
                id=f"00k{number}",
                product_code=code,
                quantity=Decimal(quantity),
                unit_price=unit,
                total=unit * quantity,
            )
        )
    months = draw(st.none() | st.integers(1, 36))
    starts_on = draw(st.none() | DAYS)
    return order(*lines, currency=currency, term_months=months, starts_on=starts_on)


@given(valid_orders())
@settings(max_examples=150, deadline=None)
def test_every_valid_order_is_planned_without_losing_a_minor_unit(deal: CommercialOrder) -> None:
    """Billing, ERP and revenue each add up to the deal."""
    plan = plan_order(deal, CATALOGUE, CONNECTIONS)

    charged = sum(phase.total_minor() for phase in plan.subscription.phases)
    charged += sum(i.unit_amount_minor * i.quantity for i in plan.subscription.one_time)
    schedule = revenue_schedule(plan.sales_order)
    recognized = sum(p.amount_minor for line in schedule for p in line.periods)
    held = sum(line.amount.amount_minor for line in schedule if line.held_for)
    assert charged == recognized + held == deal.amount.amount_minor
    assert not differences(schedule, schedule)
    assert all(period.amount_minor >= 0 for line in schedule for period in line.periods)


@st.composite
def any_orders(draw: st.DrawFn) -> CommercialOrder:
    """An order with whatever a CRM might hold, right or wrong."""
    currency = st.sampled_from([*CURRENCIES, "EUR"])
    amount = st.builds(Money, amount_minor=st.integers(-(10**18), 10**18), currency=currency)
    maybe_day = st.none() | st.dates()
    one = st.builds(
        OrderLine,
        id=st.sampled_from(["1", "2", "3"]),
        product_code=st.sampled_from([*RECURRING, "GTXPRO", "GO-LIVE", ""]),
        product_active=st.booleans(),
        quantity=st.decimals(allow_nan=False, allow_infinity=False),
        unit_price=amount,
        total=amount,
        charge=st.none() | st.sampled_from(Charge),
        starts_on=maybe_day,
        ends_on=maybe_day,
    )
    lines = draw(st.lists(one, max_size=3))
    if draw(st.booleans()):
        whole = [
            each.model_copy(update={"quantity": Decimal(2), "total": each.unit_price * 2})
            for each in lines
            if each.unit_price.currency == "USD"
        ]
        lines = whole
        deal_amount = Money.total((each.total for each in lines), "USD")
    else:
        deal_amount = draw(amount)
    return order().model_copy(
        update={
            "lines": lines,
            "amount": deal_amount,
            "currency": "USD",
            "term_months": draw(st.none() | st.integers()),
            "starts_on": draw(maybe_day),
            "closed_on": draw(st.dates()),
            "support_tier": draw(st.sampled_from(["", "Gold", "premium"])),
            "accounts": [globex(country=draw(st.sampled_from(["Germany", "Korea", "US", ""])))],
        }
    )


AMENDMENTS = st.builds(
    OrderAmendment,
    products=st.dictionaries(st.sampled_from(["GTXPRO", ""]), st.sampled_from(RECURRING)),
    term_months=st.none() | st.integers(),
    starts_on=st.none() | st.dates(),
    country=st.none() | st.text(max_size=5),
)


@given(any_orders(), AMENDMENTS)
@settings(max_examples=300, deadline=None)
def test_planning_raises_canonical_errors_and_no_others(
    deal: CommercialOrder, amendment: OrderAmendment
) -> None:
    """Whatever the CRM holds, the desk gets a cause that it can show."""
    try:
        plan = plan_order(deal, CATALOGUE, CONNECTIONS, amendment=amendment)
    except TielineError as error:
        assert error.details["held"] == deal.amount.model_dump()
    else:
        assert revenue_schedule(plan.sales_order)
