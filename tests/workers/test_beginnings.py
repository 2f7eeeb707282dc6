"""Which connections own the contracts that have renewal clocks, by the preset in force."""

import pytest

from canonical.connections import Connection, Role
from governance.catalogue import load_catalogue
from tieline.settings import Settings
from workers.beginnings import Beginnings

VENDORS = {"stripe-us": Role.BILLING, "stripe-de": Role.BILLING, "erp": Role.ERP, "crm": Role.CRM}


@pytest.mark.parametrize(
    ("preset", "owners"), [("billing-led", ["stripe-de", "stripe-us"]), ("erp-led", ["erp"])]
)
def test_contracts_are_those_of_their_owner_by_the_preset(preset: str, owners: list[str]) -> None:
    """A sales order beside a subscription is no second contract, nor the other way round."""
    catalogue = load_catalogue()
    systems = catalogue.systems.model_copy(update={"preset": preset})
    connections = {
        name: Connection(name=name, role=role, vendor="any", base_url="https://vendor.example")
        for name, role in VENDORS.items()
    }

    beginnings = Beginnings(
        Settings.model_construct(connections=connections),
        catalogue.model_copy(update={"systems": systems}),
    )

    assert beginnings.contract_sources() == owners
