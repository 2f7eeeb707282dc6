"""Accepting an order: what is planned, what is derived, and what is refused and why."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from canonical.errors import (
    AccountMissing,
    CurrencyMismatch,
    InvalidOrder,
    Misconfigured,
    OrderNotWon,
    PriceMismatch,
    UnmappedProduct,
    UnplacedCountry,
    UnroutedLegalEntity,
    UnsupportedTerms,
)
from canonical.money import Money
from canonical.orders import Charge, CommercialOrder, OrderAmendment
from canonical.plan import OrderPlan
from domain.planning import plan_order
from tests.domain.orders import CATALOGUE, CONNECTIONS, globex, line, order, usd


def planned(deal: CommercialOrder, **options: Any) -> OrderPlan:
    """The plan of a deal under the shipped catalogue."""
    return plan_order(deal, CATALOGUE, CONNECTIONS, **options)


def test_a_one_year_deal_becomes_one_yearly_phase_and_one_sales_order_line() -> None:
    """What the CRM does not say, the catalogue does, and both sums are the deal's."""
    deal = order(line("GTX-PRO", "12000", 2))

    plan = planned(deal)

    (phase,) = plan.subscription.phases
    (item,) = phase.items
    assert (phase.starts_on, phase.months) == (date(2025, 3, 15), 12)
    assert (item.product, item.quantity, item.interval_months) == ("gtx-pro", 2, 12)
    assert item.unit_amount_minor == 1_200_000
    (booked,) = plan.sales_order.lines
    assert (booked.item, booked.amount) == ("GTX-PRO", usd(24000))
    assert (booked.starts_on, booked.ends_on) == (date(2025, 3, 15), date(2026, 3, 14))
    assert plan.total == plan.subscription.total == plan.sales_order.total == usd(24000)
    assert plan.facts_digest == deal.facts_digest()
    assert plan.catalogue == CATALOGUE.version


def test_every_derived_value_names_the_rule_that_supplied_it() -> None:
    """An auditor can see which values are ours and why."""
    plan = planned(order())

    derived = {d.field: (d.value, d.rule) for d in plan.derivations}
    assert derived == {
        "tax_region": ("eu-vat", "regions.tax_regions"),
        "legal_entity": ("DE01", "regions.tax_regions"),
        "starts_on": ("2025-03-15", "terms.start"),
        "term_months": ("12", "terms.term_months"),
        "support_tier": ("standard", "products.support_tier"),
        "days_until_due": ("45", "terms.net_days"),
    }


def test_what_the_deal_states_is_not_derived() -> None:
    """Stated term, start, tier and legal entity win over the catalogue."""
    deal = order(
        term_months=24,
        starts_on=date(2025, 4, 1),
        support_tier="Premium",
        legal_entity="US01",
        po_number="PO-7",
    )

    plan = planned(deal)

    assert {d.field for d in plan.derivations} == {"tax_region", "days_until_due"}
    assert plan.legal_entity == "US01"
    assert plan.entitlement.tier == "premium"
    assert plan.entitlement.ends_on == date(2027, 3, 31)
    assert plan.onboarding.due_on == date(2025, 5, 1)
    assert plan.subscription.po_number == plan.sales_order.po_number == "PO-7"


def test_implementation_is_charged_once_and_go_live_waits_for_its_milestone() -> None:
    """Services ride along with the subscription, and revenue for go-live is held (R58)."""
    deal = order(line("GTK-500", "30000"), line("IMPLEMENTATION", "5000"), line("GO-LIVE", "2500"))

    plan = planned(deal)

    once = {item.product: item.milestone for item in plan.subscription.one_time}
    assert once == {"implementation": "", "go-live": "go-live"}
    _, implementation, go_live = plan.sales_order.lines
    assert implementation.starts_on == implementation.ends_on == date(2025, 3, 15)
    assert (go_live.charge, go_live.milestone) == (Charge.MILESTONE, "go-live")
    assert go_live.starts_on is go_live.ends_on is None
    assert plan.total == usd(37500)


def test_a_three_year_ramp_is_three_phases_in_sequence() -> None:
    """Each year's line has its own dates and price."""
    years = [
        line(
            "GTX-PRO",
            price,
            id=f"00k-{year}",
            starts_on=date(year, 7, 1),
            ends_on=date(year + 1, 6, 30),
        )
        for year, price in ((2027, "14000"), (2025, "10000"), (2026, "12000"))
    ]

    plan = planned(order(*years))

    assert [p.starts_on.year for p in plan.subscription.phases] == [2025, 2026, 2027]
    assert [p.total_minor() for p in plan.subscription.phases] == [1_000_000, 1_200_000, 1_400_000]
    assert plan.entitlement.ends_on == date(2028, 6, 30)


@pytest.mark.parametrize(
    ("months", "unit", "interval", "charged"),
    [
        (12, "12000", 12, 1_200_000),
        (36, "36000", 12, 1_200_000),
        (24, "0.01", 24, 1),
        (36, "100", 36, 10_000),
        (18, "900", 18, 90_000),
        (60, "50000", 12, 1_000_000),
        (1, "10", 1, 1_000),
    ],
)
def test_a_price_is_billed_yearly_when_it_divides_and_at_once_otherwise(
    months: int, unit: str, interval: int, charged: int
) -> None:
    """A line's price covers its whole term, and no minor unit is lost in splitting it."""
    plan = planned(order(line(unit=unit), term_months=months))

    (item,) = plan.subscription.phases[0].items
    assert (item.interval_months, item.unit_amount_minor) == (interval, charged)


def test_items_of_one_phase_share_an_interval() -> None:
    """One price that cannot be split by year keeps the whole phase on one interval."""
    deal = order(line("GTX-PRO", "24000"), line("MG-SPECIAL", "0.01"), term_months=24)

    plan = planned(deal)

    assert {item.interval_months for item in plan.subscription.phases[0].items} == {24}


@pytest.mark.parametrize(
    ("deal", "tier"),
    [
        (order(line("GTX-BASIC", "500")), "basic"),
        (order(line("GTX-PRO", "500")), "standard"),
        (order(line("GTX-BASIC", "30000")), "standard"),
        (order(line("GTX-PRO", "100000")), "premium"),
        (order(line("GTK-500", "10"), line("GTX-BASIC", "10")), "premium"),
        (order(line("GTK-500", "10"), support_tier="basic"), "basic"),
    ],
)
def test_the_tier_is_stated_or_the_highest_that_products_or_amount_bring(
    deal: CommercialOrder, tier: str
) -> None:
    """A stated tier counts even when it is lower (R66)."""
    assert planned(deal).entitlement.tier == tier


def test_the_bill_to_account_pays_and_the_sold_to_account_is_served() -> None:
    """Billing and ERP know the payer; support and success know the user (R117)."""
    deal = order(
        accounts=[
            globex(bill_to_account_id="001HQ", parent_id="001HQ"),
            globex(id="001HQ", name="Globex Holding", country="Japan", tax_id="JP1"),
        ]
    )

    plan = planned(deal)

    assert (plan.customer.name, plan.customer.tax_id) == ("Globex Holding", "JP1")
    assert plan.subscription.account_id == plan.sales_order.account_id == "001HQ"
    assert plan.legal_entity == "SG01"
    assert plan.entitlement.account_id == plan.onboarding.account_id == "001GLOBEX"


GTXPRO = line("GTXPRO", "4514")
NO_GERMAN = [c for c in CONNECTIONS if c.role != "erp"]

REFUSED: list[tuple[str, CommercialOrder, type[InvalidOrder], str]] = [
    ("lost deal", order(is_won=False, stage="Closed Lost"), OrderNotWon, "006GLOBEX"),
    ("no account", order(account_id=""), AccountMissing, "006GLOBEX"),
    ("hidden account", order(account_id="001GONE"), AccountMissing, "001GONE"),
    ("no lines", order(lines=[], amount=usd(0)), InvalidOrder, "006GLOBEX"),
    ("line twice", order(line(), line()), InvalidOrder, "006GLOBEX"),
    ("half a unit", order(line(quantity=Decimal("0.5"))), UnsupportedTerms, "006GLOBEX"),
    ("no units", order(line(quantity=Decimal(0))), UnsupportedTerms, "006GLOBEX"),
    ("credit line", order(line(unit="-5")), UnsupportedTerms, "006GLOBEX"),
    ("line sum", order(line(total=usd(11999))), PriceMismatch, "006GLOBEX"),
    ("deal sum", order(amount=usd(11999)), PriceMismatch, "006GLOBEX"),
    ("euro deal", order(currency="EUR"), CurrencyMismatch, "006GLOBEX"),
    ("unknown code", order(GTXPRO), UnmappedProduct, "GTXPRO"),
    ("inactive", order(line(product_active=False)), UnmappedProduct, "GTX-PRO"),
    ("misspelt", order(accounts=[globex(country="Philipines")]), UnplacedCountry, "Philipines"),
    ("ambiguous", order(accounts=[globex(country="Korea")]), UnplacedCountry, "Korea"),
    ("no country", order(accounts=[globex(country=" ")]), UnplacedCountry, "001GLOBEX"),
    ("no region", order(accounts=[globex(country="Fiji")]), UnplacedCountry, "FJ"),
    ("no entity", order(legal_entity="MARS01"), UnroutedLegalEntity, "MARS01"),
    ("no term", order(term_months=0), UnsupportedTerms, "006GLOBEX"),
    ("endless", order(term_months=10**6), UnsupportedTerms, "006GLOBEX"),
    ("odd 5 years", order(line(unit="0.01"), term_months=60), UnsupportedTerms, "006GLOBEX"),
    ("only services", order(line("IMPLEMENTATION")), UnsupportedTerms, "006GLOBEX"),
    ("tier", order(support_tier="platinum"), UnsupportedTerms, "006GLOBEX"),
    ("year 207", order(starts_on=date(207, 3, 1)), UnsupportedTerms, "006GLOBEX"),
    ("milestone", order(line(charge="milestone")), UnsupportedTerms, "006GLOBEX"),
    ("too big", order(term_months=2**60), UnsupportedTerms, "006GLOBEX"),
    (
        "broken month",
        order(line(starts_on=date(2025, 1, 1), ends_on=date(2025, 12, 30))),
        UnsupportedTerms,
        "006GLOBEX",
    ),
    (
        "backwards",
        order(line(starts_on=date(2025, 1, 1), ends_on=date(2024, 12, 31))),
        UnsupportedTerms,
        "006GLOBEX",
    ),
    (
        "overlap",
        order(
            line("GTX-PRO", starts_on=date(2025, 1, 1), ends_on=date(2025, 12, 31)),
            line("GTX-BASIC", starts_on=date(2025, 7, 1), ends_on=date(2026, 6, 30)),
        ),
        UnsupportedTerms,
        "006GLOBEX",
    ),
    (
        "gap",
        order(
            line("GTX-PRO", starts_on=date(2025, 1, 1), ends_on=date(2025, 12, 31)),
            line("GTX-BASIC", starts_on=date(2026, 2, 1), ends_on=date(2027, 1, 31)),
        ),
        UnsupportedTerms,
        "006GLOBEX",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("deal", "kind", "about"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_an_order_that_cannot_be_fulfilled_is_refused_with_its_cause(
    deal: CommercialOrder, kind: type[InvalidOrder], about: str
) -> None:
    """Each refusal says what is true, of what, and carries what the desk needs."""
    with pytest.raises(InvalidOrder) as refused:
        planned(deal)

    assert type(refused.value) is kind
    assert refused.value.about == about
    assert refused.value.details["held"] == deal.amount.model_dump()
    assert refused.value.details["account_id"] == deal.account_id
    assert {"facts_digest", "account_name", "order_name"} <= refused.value.details.keys()


def test_a_refused_product_says_which_line_and_what_it_is_worth() -> None:
    """The desk groups by code and shows the money that each line holds."""
    with pytest.raises(UnmappedProduct) as refused:
        planned(order(line(), GTXPRO))

    assert refused.value.cause_key == "UnmappedProduct:GTXPRO"
    assert refused.value.details["line"] == "00k-GTXPRO"
    assert refused.value.details["line_total"] == {"amount_minor": 451400, "currency": "USD"}
    assert refused.value.details["held"] == {"amount_minor": 1651400, "currency": "USD"}


def test_products_are_checked_before_countries() -> None:
    """A deal with both faults is held with the others of its product, which one edit releases."""
    with pytest.raises(UnmappedProduct):
        planned(order(GTXPRO, accounts=[globex(country="Korea")]))


def test_a_currency_that_the_legal_entity_does_not_invoice_is_refused() -> None:
    """The German company does not sell in yen."""
    yen = Money(amount_minor=5000, currency="JPY")
    deal = order(line(unit_price=yen, total=yen), currency="JPY", amount=yen)

    with pytest.raises(CurrencyMismatch) as refused:
        planned(deal)

    assert refused.value.about == "DE01/JPY"


def test_an_entity_that_no_erp_serves_is_refused_after_all_else_is_right() -> None:
    """A missing connection is the last thing looked at."""
    with pytest.raises(UnroutedLegalEntity, match="no erp connection serves"):
        plan_order(order(), CATALOGUE, NO_GERMAN)


def test_even_a_misconfiguration_carries_the_money_it_holds() -> None:
    """The desk shows amounts for cases of every cause."""
    with pytest.raises(Misconfigured) as refused:
        plan_order(order(), CATALOGUE, [*CONNECTIONS, CONNECTIONS[1].model_copy(
            update={"name": "second"})])  # fmt: skip

    assert refused.value.details["held"] == usd(12000).model_dump()


def test_an_amendment_is_checked_by_the_same_rules_and_leaves_the_facts_digest() -> None:
    """The digest stays that of what the CRM says, so that changed facts are noticed."""
    deal = order(GTXPRO, accounts=[globex(country="Korea")])
    amendment = OrderAmendment(products={"GTXPRO": "GTX-PRO"}, country="South Korea")

    plan = planned(deal, amendment=amendment)

    assert plan.customer.country == "KR"
    assert plan.sales_order.lines[0].item == "GTX-PRO"
    assert plan.facts_digest == deal.facts_digest()
    with pytest.raises(UnmappedProduct):
        planned(deal, amendment=OrderAmendment(products={"GTXPRO": "GTX-PROO"}))


def test_planning_is_deterministic() -> None:
    """The same facts and catalogue give the same plan, to the digest."""
    assert planned(order()).digest() == planned(order()).digest()
