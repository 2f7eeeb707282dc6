"""Which contracts have a clock: those of the system that owns their state, under either preset."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from canonical.connections import Connection, Environment, Role
from canonical.events import OutboxEvent
from governance.catalogue import load_catalogue
from tests.stories.renewals import led_by
from tieline.settings import Settings
from workers.beginnings import Beginnings

CONNECTIONS: dict[str, Any] = {
    name: {"role": name, "vendor": vendor, "base_url": "https://vendor.example"}
    for name, vendor in (("billing", "stripe"), ("erp", "netsuite"), ("crm", "salesforce"))
}

OWNERS = {"stripe-us": Role.BILLING, "stripe-de": Role.BILLING, "erp": Role.ERP, "crm": Role.CRM}


@pytest.mark.parametrize(
    ("preset", "connection", "begins"),
    [
        ("billing-led", "billing", True),
        ("billing-led", "erp", False),
        ("erp-led", "erp", True),
        ("erp-led", "billing", False),
        ("billing-led", "nobody", False),
    ],
)
def test_a_contract_has_a_clock_where_its_state_is_owned(
    tmp_path: Path, preset: str, connection: str, begins: bool
) -> None:
    """A copy of it in another system would be a second renewal of the same contract."""
    settings = Settings(connections=CONNECTIONS)
    beginnings = Beginnings(settings, load_catalogue(led_by(tmp_path, preset)))
    activated = OutboxEvent(
        id="1",
        position=1,
        type="contract.activated",
        subject="contract/c-1",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        environment=Environment.TEST,
        body={"connection": connection, "external_id": "c-1", "opportunity_id": "006Globex"},
    )

    start = beginnings.renewal(activated)

    assert (start is not None) is begins
    if start is not None:
        assert (start.connection, start.contract_id, start.sources) == (
            connection,
            "c-1",
            [connection],
        )


@pytest.mark.parametrize(
    ("preset", "owners"), [("billing-led", ["stripe-de", "stripe-us"]), ("erp-led", ["erp"])]
)
def test_contracts_are_those_of_their_owner_by_the_preset(preset: str, owners: list[str]) -> None:
    """A sales order beside a subscription is no second contract, nor the other way round."""
    catalogue = load_catalogue()
    systems = catalogue.systems.model_copy(update={"preset": preset})
    connections = {
        name: Connection(name=name, role=role, vendor="any", base_url="https://vendor.example")
        for name, role in OWNERS.items()
    }

    beginnings = Beginnings(
        Settings.model_construct(connections=connections),
        catalogue.model_copy(update={"systems": systems}),
    )

    assert beginnings.contract_sources() == owners
