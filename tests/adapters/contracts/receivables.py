"""What every owner of invoices promises: what an account owes, and a contract's dates."""

from abc import ABC, abstractmethod
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical.errors import NotFound
from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money

ACCOUNT, OTHER = "0015g00000Globex1", "0015g00000Initec1"
TODAY = datetime.now(UTC).date()
YEAR = timedelta(days=365)


def usd(major: str) -> Money:
    """An amount in dollars."""
    return Money.of(major, "USD")


def days(count: int) -> date:
    """So many days from today, before it when negative."""
    return TODAY + timedelta(days=count)


class ReceivablesContract(ABC):
    """Inherited by the suites of billing and ERP; `absent_contract` is an id that no contract has.

    Invoices are issued by hand, as they are in the vendor's system.
    """

    absent_contract: str

    @abstractmethod
    async def issue(
        self, port: Any, simulator: Any, account: str = ACCOUNT, *, amount: str = "1000.00",
        currency: str = "USD", posted: int = -30, due: int = 15,
    ) -> str:  # fmt: skip
        """An invoice of an account (a customer from then on), posted and due so many days from
        today; its id."""

    @abstractmethod
    def pay(self, simulator: Any, invoice: str, amount: str = "") -> None:
        """The customer pays an invoice: all that is open, or an amount."""

    @abstractmethod
    def credit(self, simulator: Any, invoice: str, amount: str) -> None:
        """So much of an invoice is credited."""

    @abstractmethod
    def dispute(self, simulator: Any, invoice: str, *, settled: bool = False) -> None:
        """The customer disputes an invoice, or the dispute is settled in our favour."""

    @abstractmethod
    def void(self, simulator: Any, invoice: str) -> None:
        """An invoice is taken back."""

    async def owed(self, port: Any, since: date = TODAY - YEAR) -> list[InvoiceFacts]:
        """What is told of the account."""
        told: list[InvoiceFacts] = await port.invoices(ACCOUNT, since)
        return told

    async def test_an_open_invoice_is_told_with_its_money_and_due_date(
        self, port: Any, simulator: Any
    ) -> None:
        """1,000.00, due in fifteen days."""
        issued = await self.issue(port, simulator)

        (invoice,) = await self.owed(port)

        assert (invoice.id, invoice.account_id) == (issued, ACCOUNT)
        assert (invoice.status, invoice.due_on) == (InvoiceStatus.OPEN, days(15))
        assert (invoice.total, invoice.paid, invoice.remaining) == (
            usd("1000.00"), usd("0"), usd("1000.00"),
        )  # fmt: skip
        assert invoice.number
        assert invoice.version
        assert not invoice.disputed
        assert invoice.posted_at is not None
        assert invoice.posted_at.date() == days(-30)

    async def test_an_overdue_invoice_is_open_past_its_due_date(
        self, port: Any, simulator: Any
    ) -> None:
        """Nothing else marks it: what follows from it is for the definitions to say."""
        await self.issue(port, simulator, due=-10)

        (invoice,) = await self.owed(port)

        assert (invoice.status, invoice.due_on) == (InvoiceStatus.OPEN, days(-10))

    async def test_what_is_paid_of_an_invoice_is_told_beside_what_is_left(
        self, port: Any, simulator: Any
    ) -> None:
        """400.00 of 1,000.00, then the rest."""
        issued = await self.issue(port, simulator, due=-10)
        self.pay(simulator, issued, "400.00")
        (part,) = await self.owed(port)
        self.pay(simulator, issued)
        (whole,) = await self.owed(port)

        assert (part.status, part.paid, part.remaining) == (
            InvoiceStatus.OPEN, usd("400.00"), usd("600.00"),
        )  # fmt: skip
        assert (whole.status, whole.paid, whole.remaining) == (
            InvoiceStatus.PAID, usd("1000.00"), usd("0"),
        )  # fmt: skip
        assert whole.paid_at is not None
        assert whole.version >= part.version

    async def test_a_credit_takes_from_what_is_left_and_is_no_payment(
        self, port: Any, simulator: Any
    ) -> None:
        """250.00 credited, then all of it."""
        issued = await self.issue(port, simulator, due=-10)
        self.credit(simulator, issued, "250.00")
        (part,) = await self.owed(port)
        self.credit(simulator, issued, "750.00")
        (whole,) = await self.owed(port)

        assert (part.status, part.paid, part.remaining) == (
            InvoiceStatus.OPEN, usd("0"), usd("750.00"),
        )  # fmt: skip
        assert (whole.status, whole.paid, whole.remaining) == (
            InvoiceStatus.PAID, usd("0"), usd("0"),
        )  # fmt: skip

    async def test_a_disputed_invoice_is_told_so_until_the_dispute_is_settled(
        self, port: Any, simulator: Any
    ) -> None:
        """And no other invoice of the account with it."""
        issued = await self.issue(port, simulator, due=-10)
        calm = await self.issue(port, simulator, due=-9)
        for one in (issued, calm):
            self.pay(simulator, one, "100.00")
        self.dispute(simulator, issued)
        during = {one.id: one.disputed for one in await self.owed(port)}
        self.dispute(simulator, issued, settled=True)
        after = {one.id: one.disputed for one in await self.owed(port)}

        assert during == {issued: True, calm: False}
        assert after == {issued: False, calm: False}

    async def test_an_invoice_that_was_taken_back_is_void(self, port: Any, simulator: Any) -> None:
        """It is still told, so that a risk that it was can be taken back."""
        self.void(simulator, await self.issue(port, simulator, due=-10))

        (invoice,) = await self.owed(port)

        assert invoice.status is InvoiceStatus.VOID

    async def test_each_invoice_keeps_its_own_currency(self, port: Any, simulator: Any) -> None:
        """Dollars and euros are never added up here."""
        await self.issue(port, simulator, posted=-40)
        await self.issue(port, simulator, currency="EUR", amount="80.50")

        told = await self.owed(port)

        assert [one.remaining for one in told] == [usd("1000.00"), Money.of("80.50", "EUR")]

    async def test_only_the_account_asked_for_is_told(self, port: Any, simulator: Any) -> None:
        """Another account's invoices are left out, and one that nobody knows has none."""
        mine = await self.issue(port, simulator)
        await self.issue(port, simulator, OTHER)

        told = await self.owed(port)
        nobody = await port.invoices("0015g00000Nobody1", TODAY - YEAR)

        assert [one.id for one in told] == [mine]
        assert nobody == []

    async def test_an_older_invoice_is_told_only_while_it_is_open(
        self, port: Any, simulator: Any
    ) -> None:
        """The oldest first, whatever the day that is asked for."""
        paid = await self.issue(port, simulator, posted=-300, due=-270)
        owed = await self.issue(port, simulator, posted=-200, due=-170)
        young = await self.issue(port, simulator, posted=-20)
        self.pay(simulator, paid)

        recent = await self.owed(port, days(-90))
        everything = await self.owed(port)

        assert [one.id for one in recent] == [owed, young]
        assert [one.id for one in everything] == [paid, owed, young]

    async def test_an_older_payment_is_told_while_it_is_disputed(
        self, port: Any, simulator: Any
    ) -> None:
        """The bank asks for it back months later: it is at stake like an open invoice."""
        taken_back = await self.issue(port, simulator, posted=-150, due=-120)
        calm = await self.issue(port, simulator, posted=-140, due=-110)
        for one in (taken_back, calm):
            self.pay(simulator, one)
        self.dispute(simulator, taken_back)
        during = await self.owed(port, days(0))
        self.dispute(simulator, taken_back, settled=True)

        assert [(one.id, one.status, one.disputed) for one in during] == [
            (taken_back, InvoiceStatus.PAID, True)
        ]
        assert await self.owed(port, days(0)) == []

    async def test_a_contract_that_is_not_there_is_not_found(self, port: Any) -> None:
        """It was never ours, or it is gone."""
        with pytest.raises(NotFound):
            await port.contract(self.absent_contract)
