"""Account hierarchies, countries, legal entities, routes and amendments."""

from datetime import date

import pytest

from canonical.connections import Environment, Role
from canonical.errors import (
    HierarchyCycle,
    InvalidOrder,
    Misconfigured,
    ParentMissing,
    UnroutedLegalEntity,
)
from canonical.orders import Account, OrderAmendment
from domain.amend import amended
from domain.hierarchy import DEPTH_MAX, parties
from domain.placing import place, route
from tests.domain.orders import CATALOGUE, CONNECTIONS, connection, globex, line, order


def chain(length: int) -> list[Account]:
    """Globex with so many ancestors above it."""
    above = [
        Account(id=f"001P{n}", name=f"Parent {n}", parent_id=f"001P{n + 1}" if n < length else "")
        for n in range(1, length + 1)
    ]
    return [globex(parent_id="001P1" if length else ""), *above]


@pytest.mark.parametrize("depth", [0, 1, DEPTH_MAX])
def test_the_ultimate_parent_is_the_last_ancestor(depth: int) -> None:
    """The path is walked up to its end (R117)."""
    found = parties(order(accounts=chain(depth)))

    assert found.depth == depth
    assert found.ultimate_parent.id == (f"001P{depth}" if depth else "001GLOBEX")
    assert found.bill_to == found.sold_to


def test_a_hierarchy_deeper_than_the_limit_is_refused() -> None:
    """The walk is bounded."""
    with pytest.raises(InvalidOrder, match="more than 20 accounts above"):
        parties(order(accounts=chain(DEPTH_MAX + 1)))


@pytest.mark.parametrize("start", ["001A", "001B", "001C"])
def test_a_cycle_is_one_cause_whichever_account_it_is_noticed_from(start: str) -> None:
    """All deals of the loop are grouped under one key, so that one repair releases them."""
    loop = [
        Account(id="001A", name="Acme", parent_id="001B"),
        Account(id="001B", name="Betatech", parent_id="001C"),
        Account(id="001C", name="Cancity", parent_id="001A"),
    ]

    with pytest.raises(HierarchyCycle) as refused:
        parties(order(account_id=start, accounts=loop))

    assert refused.value.cause_key == "HierarchyCycle:001A"


def test_an_account_that_is_its_own_parent_is_a_cycle() -> None:
    """The shortest loop there is."""
    with pytest.raises(HierarchyCycle, match="Globex > Globex"):
        parties(order(accounts=[globex(parent_id="001GLOBEX")]))


@pytest.mark.parametrize("field", ["parent_id", "bill_to_account_id"])
def test_a_parent_or_payer_that_the_crm_does_not_show_is_named(field: str) -> None:
    """The missing account is what a steward has to look for."""
    with pytest.raises(ParentMissing) as refused:
        parties(order(accounts=[globex(**{field: "001GONE"})]))

    assert refused.value.about == "001GONE"


@pytest.mark.parametrize(
    ("stated", "code", "region", "entity"),
    [
        ("United States", "US", "us-sales-tax", "US01"),
        ("usa", "US", "us-sales-tax", "US01"),
        ("UK", "GB", "european-vat", "DE01"),
        ("Norway", "NO", "european-vat", "DE01"),
        ("ROMANIA ", "RO", "eu-vat", "DE01"),
        ("Kenya", "KE", "middle-east-africa", "DE01"),
        ("Panama", "PA", "americas", "US01"),
        ("South Korea", "KR", "asia-pacific", "SG01"),
        ("JPN", "JP", "asia-pacific", "SG01"),
    ],
)
def test_a_country_leads_to_tax_region_and_legal_entity(
    stated: str, code: str, region: str, entity: str
) -> None:
    """ISO names and codes in any case, and the catalogue's spellings (R71)."""
    found = place(globex(country=stated), "", CATALOGUE.regions)

    assert found[:3] == (code, region, entity)


def test_a_spelling_of_the_catalogue_is_a_derivation_and_an_iso_name_is_not() -> None:
    """An auditor sees where a rule of ours decided."""
    ours = place(globex(country="UK"), "", CATALOGUE.regions).derivations
    standard = place(globex(country="Germany"), "", CATALOGUE.regions).derivations

    assert ("country", "GB", "regions.countries") in ours
    assert "country" not in {d.field for d in standard}


def test_the_accounts_own_legal_entity_wins_over_its_regions() -> None:
    """A customer can have been moved to another company of ours (R25)."""
    found = place(globex(legal_entity="US01"), "", CATALOGUE.regions)

    assert found.legal_entity == "US01"
    assert "legal_entity" not in {d.field for d in found.derivations}


def test_a_connection_that_names_the_entity_wins_over_one_that_serves_all() -> None:
    """A second ERP for one company needs no change to the first (R23)."""
    tokyo = connection(Role.ERP, "netsuite-asia", legal_entities=["SG01"])

    assert route([*CONNECTIONS, tokyo], "SG01").erp == "netsuite-asia"
    assert route([*CONNECTIONS, tokyo], "DE01").erp == "erp"


def test_two_connections_for_one_entity_are_a_misconfiguration() -> None:
    """The product never chooses an ERP by chance."""
    with pytest.raises(Misconfigured, match="several erp connections serve DE01: erp, spare"):
        route([*CONNECTIONS, connection(Role.ERP, "spare")], "DE01")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_without_a_connection_is_an_unrouted_entity(role: Role) -> None:
    """Every role has to be served before anything is written."""
    with pytest.raises(UnroutedLegalEntity, match=f"no {role} connection"):
        route([c for c in CONNECTIONS if c.role is not role], "DE01")


def test_live_and_test_connections_are_never_mixed() -> None:
    """A test deal must not reach the live ledger."""
    live = [c for c in CONNECTIONS if c.role is not Role.ERP]
    live.append(connection(Role.ERP, environment=Environment.LIVE))

    with pytest.raises(Misconfigured, match="live and test"):
        route(live, "DE01")


def test_the_deal_stays_with_the_crm_it_came_from() -> None:
    """Several CRMs are told apart by where the deal is."""
    two = [*CONNECTIONS, connection(Role.CRM, "acquired")]

    assert route(two, "DE01", "acquired").crm == "acquired"
    with pytest.raises(UnroutedLegalEntity):
        route(two, "DE01", "unknown")


def test_an_amendment_corrects_what_it_names_and_nothing_else() -> None:
    """Country, tax id and e-mail go to the payer; codes to the lines; the rest to the deal."""
    deal = order(
        line("GTXPRO", product_active=False),
        line("GTX-BASIC"),
        accounts=[globex(bill_to_account_id="001HQ"), globex(id="001HQ", country="Korea")],
    )

    corrected = amended(
        deal,
        OrderAmendment(
            products={"GTXPRO": "GTX-PRO", "NOT-THERE": "GTX-PRO"},
            country="South Korea",
            starts_on=date(2025, 5, 1),
        ),
    )

    assert [a.country for a in corrected.accounts] == ["Germany", "South Korea"]
    assert [one.product_code for one in corrected.lines] == ["GTX-PRO", "GTX-BASIC"]
    assert all(one.product_active for one in corrected.lines)
    assert corrected.starts_on == date(2025, 5, 1)
    assert (corrected.amount, corrected.term_months) == (deal.amount, deal.term_months)
    assert amended(deal, OrderAmendment()) == deal
