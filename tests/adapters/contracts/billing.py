"""What every billing adapter must do."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical.effects import ExternalRef
from canonical.errors import DuplicateRecord, NotFound
from canonical.money import Money
from canonical.plan import CustomerSpec, OneTimeItem, Phase, PricedItem, SubscriptionSpec
from canonical.ports import BillingPort, Booking
from domain.calendar import add_months
from tests.adapters.contracts.port import PortContract, stamp
from tests.adapters.contracts.receivables import ReceivablesContract

GLOBEX = CustomerSpec(
    account_id="0015g00000GlobexAAA", name="Globex GmbH", email="ap@globex.example", country="DE",
    postal_code="10115", city="Berlin", street="Invalidenstr. 1", tax_id="DE123456789",
    tax_region="EU", legal_entity="Tieline GmbH", currency="EUR",
    ultimate_parent_id="0015g00000HoldinAAA",
)  # fmt: skip
DEAL = "0065g00000GlobexAAA"
TODAY = datetime.now(UTC).date()


def seats(unit_minor: int, quantity: int = 10, every_months: int = 12) -> PricedItem:
    """Seats of the basic plan."""
    return PricedItem(
        line_id="00k5g00000Line1AAA", product="prod_basic", quantity=quantity,
        unit_amount_minor=unit_minor, interval_months=every_months,
    )  # fmt: skip


def subscription(
    *phases: Phase,
    one_time: list[OneTimeItem] | None = None,
    deal: str = DEAL,
    currency: str = "EUR",
) -> SubscriptionSpec:
    """A subscription of Globex, net 45; one year of ten seats at 120.00 by default."""
    spread = list(phases) or [Phase(starts_on=TODAY, months=12, items=[seats(12_000)])]
    once = one_time or []
    total = sum(p.total_minor() for p in spread)
    total += sum(i.unit_amount_minor * i.quantity for i in once)
    return SubscriptionSpec(
        opportunity_id=deal, account_id=GLOBEX.account_id, currency=currency, phases=spread,
        one_time=once, days_until_due=45, po_number="PO-7",
        total=Money(amount_minor=total, currency=currency),
    )  # fmt: skip


def ramp(starts_on: date) -> list[Phase]:
    """Three years: 10, 20 and 30 seats."""

    def year(n: int) -> Phase:
        start = starts_on.replace(year=starts_on.year + n)
        return Phase(starts_on=start, months=12, items=[seats(12_000, 10 * (n + 1))])

    return [year(n) for n in range(3)]


class BillingPortContract(ReceivablesContract, PortContract):
    """The billing suite: one customer an account, one subscription a deal, money to the cent."""

    def put_products(self, simulator: Any) -> None:
        """Supply: the products prod_basic and prod_setup, straight into the simulator."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _products(self, simulator: Any) -> None:
        self.put_products(simulator)

    async def prepare(self, port: BillingPort) -> None:
        """Globex is a customer."""
        self.customer = await port.put_customer(GLOBEX, None, stamp("customer"))

    async def write(self, port: BillingPort) -> ExternalRef:
        """Activate the subscription of the deal."""
        return await port.create_subscription(subscription(), self.customer.id, stamp("deal/1"))

    async def probe(self, port: BillingPort) -> ExternalRef | None:
        """Whether the customer has it."""
        return await port.find_subscription(self.customer_id, stamp("deal/1"))

    @property
    def customer_id(self) -> str:
        """The customer's id once `prepare` has run, or one that nobody has."""
        return self.customer.id if hasattr(self, "customer") else "cus_nobody"

    async def test_a_customer_is_found_by_the_account_it_was_made_for(
        self, port: BillingPort
    ) -> None:
        """The account id is the business key in billing."""
        assert await port.find_customer(GLOBEX.account_id) is None

        ref = await port.put_customer(GLOBEX, None, stamp())

        found = await port.find_customer(GLOBEX.account_id)
        assert found is not None
        assert found.id == ref.id
        assert await port.find_customer("0015g00000InitecAAA") is None

    async def test_a_known_customer_is_brought_up_to_date(self, port: BillingPort) -> None:
        """A new address changes the customer, not their number."""
        ref = await port.put_customer(GLOBEX, None, stamp())
        moved = GLOBEX.model_copy(update={"city": "Hamburg"})

        again = await port.put_customer(moved, ref.id, stamp(content="moved"))

        assert again.id == ref.id
        customers = [r async for r in port.records() if r.kind == "customer"]
        assert [r.business_id for r in customers] == [GLOBEX.account_id]

    async def test_two_customers_of_one_account_are_reported(self, port: BillingPort) -> None:
        """A probe must not choose between duplicates."""
        await port.put_customer(GLOBEX, None, stamp("one"))
        await port.put_customer(GLOBEX, None, stamp("two"))

        with pytest.raises(DuplicateRecord):
            await port.find_customer(GLOBEX.account_id)

    async def test_a_customer_is_found_among_many(self, port: BillingPort) -> None:
        """The probe pages to the end of the list."""
        first = await port.put_customer(GLOBEX, None, stamp())
        for n in range(120):
            other = GLOBEX.model_copy(update={"account_id": f"0015g000000{n:04}AAA"})
            await port.put_customer(other, None, stamp(f"other/{n}"))

        found = await port.find_customer(GLOBEX.account_id)

        assert found is not None
        assert found.id == first.id

    async def test_a_subscription_is_found_by_its_stamp(self, port: BillingPort) -> None:
        """The effect's key leads back to the subscription, whatever else the customer has."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        assert await port.find_subscription(customer.id, stamp("deal/1")) is None

        ref = await port.create_subscription(subscription(), customer.id, stamp("deal/1"))
        await port.create_subscription(subscription(deal="006B"), customer.id, stamp("deal/2"))

        assert await port.find_subscription(customer.id, stamp("deal/1")) == ref

    @pytest.mark.parametrize("starts", [0, -40, 30], ids=["today", "in the past", "ahead"])
    @pytest.mark.parametrize("years", [1, 3], ids=["one phase", "ramp"])
    async def test_every_start_and_shape_books_the_whole_order(
        self, port: BillingPort, starts: int, years: int
    ) -> None:
        """What billing will charge over the term is what was sold, to the cent."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        begins = (TODAY + timedelta(days=starts)).replace(day=min(28, TODAY.day))
        spec = subscription(
            *ramp(begins)[:years],
            one_time=[
                OneTimeItem(line_id="00k2", product="prod_setup", quantity=1,
                            unit_amount_minor=150_050),
                OneTimeItem(line_id="00k3", product="prod_setup", quantity=2,
                            unit_amount_minor=99_999, milestone="Go-live"),
            ],
        )  # fmt: skip

        ref = await port.create_subscription(spec, customer.id, stamp("deal/1"))

        assert await port.find_subscription(customer.id, stamp("deal/1")) == ref
        bookings = [r async for r in port.records() if isinstance(r, Booking)]
        assert [(b.id, b.business_id, b.amount) for b in bookings] == [(ref.id, DEAL, spec.total)]

    async def test_a_lost_answer_to_a_subscription_is_settled_by_the_probe(
        self, port: BillingPort
    ) -> None:
        """Repeating the same request under the same key makes no second subscription."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))

        first = await port.create_subscription(subscription(), customer.id, stamp("deal/1"))
        again = await port.create_subscription(subscription(), customer.id, stamp("deal/1"))

        assert again == first
        assert len([r async for r in port.records() if isinstance(r, Booking)]) == 1

    @pytest.mark.parametrize("years", [1, 3], ids=["one phase", "ramp"])
    async def test_a_cancelled_subscription_is_gone_and_may_be_cancelled_again(
        self, port: BillingPort, years: int
    ) -> None:
        """The undo is harmless when repeated, and the deal may be sold again."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        spec = subscription(*ramp(TODAY)[:years])
        ref = await port.create_subscription(spec, customer.id, stamp("deal/1"))

        await port.cancel_subscription(ref, stamp("deal/1"))
        await port.cancel_subscription(ref, stamp("deal/1"))

        assert await port.find_subscription(customer.id, stamp("deal/1")) is None
        assert [r async for r in port.records() if isinstance(r, Booking)] == []

    async def test_a_subscription_that_has_not_begun_can_be_cancelled(
        self, port: BillingPort
    ) -> None:
        """A deal undone before its start leaves nothing that would begin."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        ahead = Phase(starts_on=TODAY + timedelta(days=30), months=12, items=[seats(12_000)])
        ref = await port.create_subscription(subscription(ahead), customer.id, stamp("deal/1"))

        await port.cancel_subscription(ref, stamp("deal/1"))

        assert await port.find_subscription(customer.id, stamp("deal/1")) is None

    async def test_a_subscription_needs_a_product_that_billing_knows(
        self, port: BillingPort
    ) -> None:
        """An unknown product is a matter for a person, and is named."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        unknown = seats(12_000).model_copy(update={"product": "prod_nowhere"})
        spec = subscription(Phase(starts_on=TODAY, months=12, items=[unknown]))

        with pytest.raises(NotFound, match="prod_nowhere"):
            await port.create_subscription(spec, customer.id, stamp("deal/1"))

    @pytest.mark.parametrize("starts", [0, -40, 30], ids=["today", "in the past", "ahead"])
    @pytest.mark.parametrize("years", [1, 3], ids=["one phase", "ramp"])
    async def test_a_contract_states_the_days_and_the_value_that_were_sold(
        self, port: BillingPort, starts: int, years: int
    ) -> None:
        """From the first day of service to the last, also before it has begun."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        begins = (TODAY + timedelta(days=starts)).replace(day=min(28, TODAY.day))
        spec = subscription(*ramp(begins)[:years])
        ref = await port.create_subscription(spec, customer.id, stamp("deal/1"))

        terms = await port.contract(ref.id)

        assert (terms.contract_id, terms.connection) == (ref.id, "billing")
        assert (terms.account_id, terms.opportunity_id) == (GLOBEX.account_id, DEAL)
        assert terms.legal_entity == "Tieline GmbH"
        assert (terms.starts_on, terms.value) == (begins, spec.total)
        assert terms.ends_on == add_months(begins, 12 * years) - timedelta(days=1)
        assert terms.active
        assert (terms.notice_days, terms.co_term_on) == (None, None)

    @pytest.mark.parametrize("years", [1, 3], ids=["one phase", "ramp"])
    async def test_a_cancelled_contract_stands_no_more(self, port: BillingPort, years: int) -> None:
        """It ended on the day it was cancelled, and renews no more."""
        customer = await port.put_customer(GLOBEX, None, stamp("customer"))
        spec = subscription(*ramp(TODAY)[:years])
        ref = await port.create_subscription(spec, customer.id, stamp("deal/1"))
        await port.cancel_subscription(ref, stamp("deal/1"))

        terms = await port.contract(ref.id)

        assert (terms.active, terms.auto_renews) == (False, False)
        assert terms.ends_on in (TODAY, TODAY + timedelta(days=1), TODAY - timedelta(days=1))
