"""The commercial order as the CRM states it, before any of our rules were applied."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from canonical.ids import digest
from canonical.money import CurrencyCode, Money


class Charge(StrEnum):
    """How a line is charged."""

    RECURRING = "recurring"
    ONE_TIME = "one_time"
    MILESTONE = "milestone"


class Fact(BaseModel):
    """Base of what crosses a boundary: immutable, and tolerant of fields of a later version."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Account(Fact):
    """A customer account as the CRM states it; empty strings where the CRM is silent."""

    id: str
    name: str
    parent_id: str = ""
    bill_to_account_id: str = ""
    country: str = ""
    state: str = ""
    postal_code: str = ""
    city: str = ""
    street: str = ""
    tax_id: str = ""
    email: str = ""
    legal_entity: str = ""


class OrderLine(Fact):
    """One line of a deal; `total` covers the line's whole service period."""

    id: str
    product_code: str
    name: str = ""
    product_active: bool = True
    quantity: Decimal
    unit_price: Money
    total: Money
    charge: Charge | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    milestone: str = ""


class CommercialOrder(Fact):
    """A deal with everything the CRM knows of it; `version` is the CRM's own change stamp (R60).

    `accounts` holds the sold-to account, its ancestors and its bill-to account, in no order; an
    ancestor that the CRM does not show is simply absent.
    """

    opportunity_id: str
    name: str
    account_id: str
    stage: str
    is_won: bool
    currency: CurrencyCode
    amount: Money
    closed_on: date
    version: str
    term_months: int | None = None
    starts_on: date | None = None
    legal_entity: str = ""
    support_tier: str = ""
    po_number: str = ""
    accounts: list[Account]
    lines: list[OrderLine]

    def facts_digest(self) -> str:
        """Identifies what the CRM states of the deal. Its change stamp does not count: any edit
        moves it, our own write-back too, and approvals must only expire when facts change."""
        return digest(self.model_dump(mode="json", exclude={"version"}))


class OrderAmendment(Fact):
    """What a person may correct on an order at the desk; checked by the same rules as the order.

    `products` replaces product codes, by the code the deal states. Amounts cannot be amended here:
    they change in the CRM.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    products: dict[str, str] = {}
    country: str | None = None
    tax_id: str | None = None
    email: str | None = None
    legal_entity: str | None = None
    term_months: int | None = None
    starts_on: date | None = None
    support_tier: str | None = None
    po_number: str | None = None
