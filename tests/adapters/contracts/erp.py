"""What every ERP's adapter promises."""

from datetime import date

import pytest

from canonical.effects import ExternalRef
from canonical.errors import TielineError
from canonical.money import Money
from canonical.orders import Charge
from canonical.plan import CustomerSpec, SalesOrderLine, SalesOrderSpec
from canonical.ports import Booking, ErpPort
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, PortContract, stamp
from tests.adapters.contracts.receivables import ReceivablesContract

CUSTOMER_STAMP = stamp("erp/customer/0015g00000GLOBEXAA/r1")
ORDER_STAMP = stamp("erp/sales_order/0065g00000GLOBEXAA")

GLOBEX_CUSTOMER = CustomerSpec(
    account_id=GLOBEX,
    name="Globex Corporation",
    email="ap@globex.example",
    country="US",
    state="OR",
    postal_code="97475",
    city="Springfield",
    street="1 Globex Way",
    tax_region="us",
    legal_entity="Acme Inc",
    currency="USD",
)
GLOBEX_ORDER = SalesOrderSpec(
    opportunity_id=GLOBEX_DEAL,
    account_id=GLOBEX,
    legal_entity="Acme Inc",
    currency="USD",
    ordered_on=date(2026, 3, 2),
    po_number="PO-7",
    lines=[
        SalesOrderLine(
            line_id="00k-platform",
            item="PLATFORM",
            quantity=3,
            amount=Money.of("12000.10", "USD"),
            charge=Charge.RECURRING,
            starts_on=date(2026, 4, 1),
            ends_on=date(2027, 3, 31),
        ),
        SalesOrderLine(
            line_id="00k-golive",
            item="GOLIVE",
            quantity=1,
            amount=Money.of("4000.00", "USD"),
            charge=Charge.MILESTONE,
            milestone="go-live",
        ),
    ],
    total=Money.of("16000.10", "USD"),
)


class ErpContract(ReceivablesContract, PortContract):
    """Inherited by each vendor's test class, which gives a `port` over its simulator.

    The ERP knows the items PLATFORM (recognized straight-line) and GOLIVE (held for a milestone),
    and the legal entity Acme Inc.
    """

    async def prepare(self, port: ErpPort) -> None:
        await self.customer(port)

    async def write(self, port: ErpPort) -> ExternalRef:
        return await self.book(port)

    async def probe(self, port: ErpPort) -> ExternalRef | None:
        return await port.find_sales_order(GLOBEX_DEAL, ORDER_STAMP)

    async def customer(self, port: ErpPort) -> ExternalRef:
        """Globex as the ERP's customer."""
        return await port.put_customer(GLOBEX_CUSTOMER, None, CUSTOMER_STAMP)

    async def book(self, port: ErpPort, order: SalesOrderSpec = GLOBEX_ORDER) -> ExternalRef:
        """Globex's order, booked."""
        customer = await port.find_customer(GLOBEX)
        assert customer is not None
        return await port.put_sales_order(order, customer.id, "sub_1Globex", ORDER_STAMP)

    async def test_a_customer_is_one_however_often_it_is_put(self, port: ErpPort) -> None:
        """Put blindly or by its known id, the account has one customer."""
        assert await port.find_customer(GLOBEX) is None

        first = await self.customer(port)
        again = await self.customer(port)
        renamed = GLOBEX_CUSTOMER.model_copy(update={"name": "Globex GmbH"})
        known = await port.put_customer(renamed, first.id, CUSTOMER_STAMP)

        found = await port.find_customer(GLOBEX)
        assert found is not None
        assert {first.id, again.id, known.id} == {found.id}
        assert [r.id async for r in port.records() if r.kind == "customer"] == [first.id]

    async def test_an_order_sent_again_changes_nothing(self, port: ErpPort) -> None:
        """A repeated booking adds neither an order nor a line: the value stays the same."""
        await self.customer(port)

        first = await self.book(port)
        again = await self.book(port)

        assert first.id == again.id
        booked = [r async for r in port.records() if isinstance(r, Booking)]
        assert [(b.id, b.business_id, b.amount) for b in booked] == [
            (first.id, GLOBEX_DEAL, GLOBEX_ORDER.total)
        ]

    async def test_a_closed_order_is_not_found_and_closing_again_is_harmless(
        self, port: ErpPort
    ) -> None:
        """Closing leaves nothing to invoice or recognize, and the probe leaves the order out."""
        await self.customer(port)
        booked = await self.book(port)

        await port.close_sales_order(booked, ORDER_STAMP)
        await port.close_sales_order(booked, ORDER_STAMP)

        assert await port.find_sales_order(GLOBEX_DEAL, ORDER_STAMP) is None
        assert [r async for r in port.records() if isinstance(r, Booking)] == []
        schedule = await port.revenue_schedule(booked.id, "USD")
        assert sum(line.amount.amount_minor for line in schedule) == 0

    async def test_an_order_can_be_booked_again_after_it_was_closed(self, port: ErpPort) -> None:
        """A deal that is cancelled and comes back is booked at its full value."""
        await self.customer(port)
        await port.close_sales_order(await self.book(port), ORDER_STAMP)

        booked = await self.book(port)

        found = await port.find_sales_order(GLOBEX_DEAL, ORDER_STAMP)
        assert found is not None
        assert found.id == booked.id

    async def test_revenue_is_planned_over_the_term_and_held_for_the_milestone(
        self, port: ErpPort
    ) -> None:
        """Twelve months for the platform, to the cent; nothing planned before go-live (R65)."""
        await self.customer(port)
        booked = await self.book(port)

        schedule = {line.line_id: line for line in await port.revenue_schedule(booked.id, "USD")}

        platform, golive = schedule["00k-platform"], schedule["00k-golive"]
        assert platform.amount == Money.of("12000.10", "USD")
        assert [p.month for p in platform.periods][:: len(platform.periods) - 1] == [
            "2026-04", "2027-03",
        ]  # fmt: skip
        assert sum(p.amount_minor for p in platform.periods) == 1_200_010
        assert platform.held_for == ""
        assert golive.amount == Money.of("4000.00", "USD")
        assert (golive.held_for, golive.periods) == ("go-live", [])

    @pytest.mark.parametrize("order_id", ["", "1 OR 1=1", "so-1"])
    async def test_a_foreign_order_id_never_reaches_a_query(
        self, port: ErpPort, order_id: str
    ) -> None:
        """What is not an id of the ERP is refused before anything is asked."""
        with pytest.raises(TielineError):
            await port.revenue_schedule(order_id, "USD")
        with pytest.raises(TielineError):
            await port.contract(order_id)

    async def test_a_contract_states_the_service_dates_that_were_booked(
        self, port: ErpPort
    ) -> None:
        """From the first day of the platform to its last; the go-live has none."""
        await self.customer(port)
        booked = await self.book(port)

        terms = await port.contract(booked.id)

        assert terms.contract_id == booked.id
        assert (terms.account_id, terms.opportunity_id) == (GLOBEX, GLOBEX_DEAL)
        assert (terms.legal_entity, terms.active) == ("Acme Inc", True)
        assert (terms.starts_on, terms.ends_on) == (date(2026, 4, 1), date(2027, 3, 31))
        assert terms.value == GLOBEX_ORDER.total
        assert (terms.notice_days, terms.co_term_on, terms.auto_renews) == (None, None, False)

    async def test_a_closed_contract_stands_no_more(self, port: ErpPort) -> None:
        """Its dates are still those that were booked."""
        await self.customer(port)
        booked = await self.book(port)
        await port.close_sales_order(booked, ORDER_STAMP)

        terms = await port.contract(booked.id)

        assert (terms.active, terms.status) == (False, "closed")
        assert terms.ends_on == date(2027, 3, 31)
