"""What is to be written where: a validated order in the words of each role, sums asserted."""

from datetime import date
from typing import NamedTuple, Self

from pydantic import model_validator

from canonical.ids import digest
from canonical.money import CurrencyCode, Money
from canonical.orders import Charge, Fact


class Derivation(NamedTuple):
    """A value the CRM did not state, and the catalogue rule that supplied it.

    A tuple, so that its JSON carries no names: a plan has several, and is kept in history.
    """

    field: str
    value: str
    rule: str


class Route(Fact):
    """Which connection of each role serves this order."""

    crm: str
    billing: str
    erp: str
    support: str
    success: str


class CustomerSpec(Fact):
    """The customer to be known in billing and ERP: the bill-to party of an order."""

    account_id: str
    name: str
    email: str = ""
    country: str
    state: str = ""
    postal_code: str = ""
    city: str = ""
    street: str = ""
    tax_id: str = ""
    tax_region: str
    legal_entity: str
    currency: CurrencyCode
    ultimate_parent_id: str = ""


class PricedItem(Fact):
    """A recurring item of a phase: `unit_amount_minor` is charged each `interval_months`."""

    line_id: str
    product: str
    quantity: int
    unit_amount_minor: int
    interval_months: int


class Phase(Fact):
    """A stretch of the subscription with constant items; a ramp is several phases in sequence."""

    starts_on: date
    months: int
    items: list[PricedItem]

    def total_minor(self) -> int:
        """What the phase charges in all."""
        return sum(
            i.unit_amount_minor * i.quantity * (self.months // i.interval_months)
            for i in self.items
        )


class OneTimeItem(Fact):
    """A charge made once: with the first invoice, or when `milestone` (if named) is reached."""

    line_id: str
    product: str
    quantity: int
    unit_amount_minor: int
    milestone: str = ""


class SubscriptionSpec(Fact):
    """The subscription to activate in billing; its charges add up to `total`."""

    opportunity_id: str
    account_id: str
    currency: CurrencyCode
    phases: list[Phase]
    one_time: list[OneTimeItem] = []
    days_until_due: int
    po_number: str = ""
    total: Money

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        charged = sum(p.total_minor() for p in self.phases)
        charged += sum(i.unit_amount_minor * i.quantity for i in self.one_time)
        if charged != self.total.amount_minor:
            raise ValueError(f"the subscription charges {charged}, the order is {self.total}")
        return self


class SalesOrderLine(Fact):
    """A line of the ERP's sales order."""

    line_id: str
    item: str
    quantity: int
    amount: Money
    charge: Charge
    starts_on: date | None = None
    ends_on: date | None = None
    milestone: str = ""


class RevenuePeriod(Fact):
    """Revenue planned for one calendar month (`YYYY-MM`)."""

    month: str
    amount_minor: int


class RevenueLine(Fact):
    """The revenue schedule of one order line: straight-line over its periods, or held (R65)."""

    line_id: str
    amount: Money
    held_for: str = ""
    periods: list[RevenuePeriod] = []


class SalesOrderSpec(Fact):
    """The sales order to book in the ERP; its lines add up to `total`."""

    opportunity_id: str
    account_id: str
    legal_entity: str
    currency: CurrencyCode
    ordered_on: date
    po_number: str = ""
    lines: list[SalesOrderLine]
    total: Money

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        booked = Money.total((line.amount for line in self.lines), self.currency)
        if booked != self.total:
            raise ValueError(f"the sales order books {booked}, the order is {self.total}")
        return self


class EntitlementSpec(Fact):
    """The support entitlement that an order brings."""

    opportunity_id: str
    account_id: str
    name: str
    tier: str
    ends_on: date


class OnboardingSpec(Fact):
    """The onboarding that customer success is to run for an order."""

    opportunity_id: str
    account_id: str
    name: str
    legal_entity: str
    tier: str
    email: str = ""
    order_name: str
    due_on: date
    total: Money


class OrderPlan(Fact):
    """A validated, mapped and routed order: the only source of what the steps write.

    `facts_digest` identifies the CRM facts it was made from, `catalogue` the version of the maps;
    `patience_minutes` is how long each step's transient failures are retried before a person hears.
    """

    opportunity_id: str
    account_id: str
    account_name: str
    order_name: str
    total: Money
    facts_digest: str
    catalogue: str
    route: Route
    legal_entity: str
    customer: CustomerSpec
    subscription: SubscriptionSpec
    sales_order: SalesOrderSpec
    entitlement: EntitlementSpec
    onboarding: OnboardingSpec
    derivations: list[Derivation] = []
    await_payment: bool = False
    patience_minutes: dict[str, int] = {}

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        totals = {self.total, self.subscription.total, self.sales_order.total}
        if len(totals) != 1:
            raise ValueError("billing, ERP and order disagree on the total")
        return self

    def digest(self) -> str:
        """Identifies this plan."""
        return digest(self)
