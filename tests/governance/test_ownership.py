"""Who owns an account's invoices follows from the preset and the legal entities served (R110)."""

import pytest

from canonical.connections import Connection, Role
from canonical.errors import Misconfigured
from governance.catalogue import load_catalogue
from governance.ownership import invoice_sources, owning
from governance.systems import Systems

SHIPPED = load_catalogue().systems
ERP_LED = Systems.model_validate(SHIPPED.model_dump(by_alias=True) | {"preset": "erp-led"})


def connection(name: str, role: Role, *legal_entities: str) -> Connection:
    """A connection that serves these legal entities; without any, all."""
    return Connection(
        name=name, role=role, vendor="any", base_url="https://vendor.example",
        legal_entities=list(legal_entities),
    )  # fmt: skip


CONNECTIONS = [
    connection("stripe-us", Role.BILLING, "US01"),
    connection("stripe-de", Role.BILLING, "DE01"),
    connection("netsuite", Role.ERP),
    connection("tryton-de", Role.ERP, "DE01"),
    connection("salesforce", Role.CRM),
]


@pytest.mark.parametrize(
    ("systems", "entity", "expected"),
    [
        (SHIPPED, "US01", ["stripe-us"]),
        (SHIPPED, "DE01", ["stripe-de"]),
        (SHIPPED, "", ["stripe-de", "stripe-us"]),
        (ERP_LED, "US01", ["netsuite"]),
        (ERP_LED, "DE01", ["tryton-de"]),
        (ERP_LED, "", ["netsuite", "tryton-de"]),
    ],
)
def test_invoices_belong_to_billing_or_to_the_erp_by_the_preset(
    systems: Systems, entity: str, expected: list[str]
) -> None:
    """Who is named for a legal entity goes before who serves all; without one, everybody."""
    assert invoice_sources(CONNECTIONS, systems, entity) == expected


@pytest.mark.parametrize(
    ("systems", "domain", "expected"),
    [
        (SHIPPED, "subscription_state", ["stripe-de", "stripe-us"]),
        (ERP_LED, "subscription_state", ["netsuite", "tryton-de"]),
        (SHIPPED, "order_value", ["salesforce"]),
        (SHIPPED, "onboarding", []),
    ],
)
def test_a_domain_belongs_to_every_connection_of_its_role(
    systems: Systems, domain: str, expected: list[str]
) -> None:
    """Each for its legal entities; what no connection is configured for, nobody owns."""
    assert owning(CONNECTIONS, systems, domain) == expected


def test_a_legal_entity_that_nobody_bills_is_named() -> None:
    """It is a setting that is missing, not an account without invoices."""
    with pytest.raises(Misconfigured, match="SG01") as refused:
        invoice_sources(CONNECTIONS, SHIPPED, "SG01")

    assert refused.value.about == "SG01"
    with pytest.raises(Misconfigured):
        invoice_sources([], ERP_LED)


def test_a_preset_cannot_give_invoices_to_a_system_that_issues_none() -> None:
    """Support has no invoices, whatever a catalogue says."""
    wrong = SHIPPED.model_dump(by_alias=True)
    wrong["presets"]["billing-led"]["invoices"] = "support"

    with pytest.raises(Misconfigured, match="support"):
        invoice_sources(CONNECTIONS, Systems.model_validate(wrong))
