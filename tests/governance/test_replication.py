"""What the processes send where is allowed field by field; everything else is denied (R29)."""

import pytest

from canonical.connections import Role
from governance.catalogue import load_catalogue

SYSTEMS = load_catalogue().systems

# What the specifications in canonical/plan.py carry to each role, in the CRM's field names.
SENT = {
    Role.BILLING: [
        "Account.id", "Account.name", "Account.email", "Account.country", "Account.state",
        "Account.postal_code", "Account.city", "Account.street", "Account.tax_id",
        "CommercialOrder.amount", "CommercialOrder.po_number", "OrderLine.quantity",
        "OrderLine.unit_price",
    ],
    Role.ERP: [
        "Account.id", "Account.name", "Account.email", "Account.country", "Account.tax_id",
        "CommercialOrder.amount", "CommercialOrder.po_number", "OrderLine.total",
    ],
    Role.SUPPORT: ["Account.id", "Account.name"],
    Role.SUCCESS: [
        "Account.id", "Account.name", "Account.email", "CommercialOrder.amount",
        "EntitlementSpec.tier", "OnboardingSpec.legal_entity",
    ],
    Role.CRM: ["WriteBack.subscription_id", "WriteBack.sales_order_id", "WriteBack.status"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "field"), [(role, field) for role, fields in SENT.items() for field in fields]
)
def test_a_field_that_is_sent_is_allowed(role: Role, field: str) -> None:
    """The allow-list of systems.toml names each field that a step sends to a role."""
    assert SYSTEMS.may_replicate(field, role)


@pytest.mark.parametrize(
    ("role", "field"),
    [(Role.SUPPORT, "Account.tax_id"), (Role.SUCCESS, "OrderLine.unit_price")],
)
def test_what_is_not_listed_is_denied(role: Role, field: str) -> None:
    """Tax ids do not go to support, nor prices to customer success."""
    assert not SYSTEMS.may_replicate(field, role)
