"""What every CRM adapter must do."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from canonical.effects import ExternalRef, Stamp
from canonical.errors import AccountMissing, NotFound, UnsupportedTerms
from canonical.money import Money
from canonical.orders import Charge
from canonical.ports import CrmPort
from canonical.ports.crm import WriteBack
from tests.adapters.contracts.port import PortContract, stamp


class CrmPortContract(PortContract):
    """The CRM suite: orders are read whole, outcomes are told once."""

    def win_globex(self, simulator: Any, **changes: Any) -> str:
        """Supply: put the won deal "Globex expansion" in and return its id.

        Globex GmbH (Berlin, DE, parent Globex Holding) buys 10 seats GTX-BASIC at 120.00 USD each
        from 2026-12-01 for 12 months, closed on 2026-11-20; one recurring line, amount 1,200.00.
        `changes`: `amount` (a string), `account=False` (the deal has no account).
        """
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _won(self, simulator: Any) -> None:
        self.deal = self.win_globex(simulator)

    @property
    def outcome(self) -> WriteBack:
        """What the Globex deal has become."""
        return WriteBack(
            opportunity_id=self.deal,
            status="Active",
            subscription_id="sub_1QGlobex",
            sales_order_id="4711",
        )

    async def prepare(self, port: CrmPort) -> None:
        """The deal is there already."""

    async def write(self, port: CrmPort) -> ExternalRef:
        """Tell the CRM that the deal is active."""
        return await port.write_back(self.outcome, stamp())

    async def probe(self, port: CrmPort) -> ExternalRef | None:
        """Whether the CRM shows it."""
        return await port.find_write_back(self.outcome, stamp())

    async def test_an_order_is_read_whole(self, port: CrmPort) -> None:
        """Deal, money, line and both accounts arrive as the CRM states them."""
        order = await port.fetch_order(self.deal)

        assert order.opportunity_id == self.deal
        assert order.is_won
        assert order.amount == Money.of("1200.00", "USD")
        assert order.closed_on == date(2026, 11, 20)
        assert order.version
        (line,) = order.lines
        assert line.product_code == "GTX-BASIC"
        assert line.quantity == Decimal(10)
        assert line.unit_price == Money.of("120.00", "USD")
        assert line.total == Money.of("1200.00", "USD")
        assert line.charge is Charge.RECURRING
        by_name = {account.name: account for account in order.accounts}
        assert set(by_name) == {"Globex GmbH", "Globex Holding"}
        globex = by_name["Globex GmbH"]
        assert globex.id == order.account_id
        assert globex.parent_id == by_name["Globex Holding"].id
        assert (globex.city, globex.country) == ("Berlin", "DE")

    async def test_reading_an_order_changes_nothing(self, port: CrmPort) -> None:
        """The same facts read twice are the same order, version included."""
        assert await port.fetch_order(self.deal) == await port.fetch_order(self.deal)

    @pytest.mark.parametrize("wrong", ["0065g00000NoSuc", "not-an-id", ""])
    async def test_a_deal_that_is_not_there_is_not_found(self, port: CrmPort, wrong: str) -> None:
        """A message about an unknown deal asks for a person."""
        with pytest.raises(NotFound):
            await port.fetch_order(wrong)

    async def test_a_deal_without_an_account_says_so(self, port: CrmPort, simulator: Any) -> None:
        """The missing account is named as the cause, for whoever repairs it."""
        deal = self.win_globex(simulator, account=False)

        with pytest.raises(AccountMissing):
            await port.fetch_order(deal)

    async def test_money_with_too_many_decimals_is_not_rounded(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """1,200.005 USD cannot be invoiced as stated."""
        deal = self.win_globex(simulator, amount="1200.005")

        with pytest.raises(UnsupportedTerms):
            await port.fetch_order(deal)

    async def test_every_won_deal_is_listed_with_its_amount(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """Completeness is counted against the CRM."""
        deals = {self.deal, *(self.win_globex(simulator) for _ in range(2))}

        won = [booking async for booking in port.won()]

        assert {booking.business_id for booking in won} == deals
        assert {booking.amount for booking in won} == {Money.of("1200.00", "USD")}

    async def test_an_outcome_is_found_once_it_is_written(self, port: CrmPort) -> None:
        """The probe finds exactly this outcome, and only after it was told."""
        outcome = self.outcome
        assert await port.find_write_back(outcome, stamp()) is None

        ref = await port.write_back(outcome, stamp())

        assert await port.find_write_back(outcome, stamp()) == ref
        assert ref.id == outcome.opportunity_id
        other = outcome.model_copy(update={"status": "Cancelled"})
        assert await port.find_write_back(other, stamp()) is None
        elsewhere = Stamp(key="test/effect/1", token="", correlation_id="tl-another")
        assert await port.find_write_back(outcome, elsewhere) is None

    async def test_an_outcome_told_twice_is_told_once(self, port: CrmPort) -> None:
        """The write-back may be repeated."""
        outcome = self.outcome

        first = await port.write_back(outcome, stamp())

        assert await port.write_back(outcome, stamp()) == first

    async def test_an_outcome_leaves_alone_what_it_does_not_speak_of(self, port: CrmPort) -> None:
        """A cancelled order keeps the references that were told before."""
        outcome = self.outcome
        await port.write_back(outcome, stamp())

        told = WriteBack(opportunity_id=outcome.opportunity_id, status="Cancelled")
        await port.write_back(told, stamp())

        full = outcome.model_copy(update={"status": "Cancelled"})
        assert await port.find_write_back(full, stamp()) is not None

    async def test_an_outcome_of_an_unknown_deal_is_not_found(self, port: CrmPort) -> None:
        """There is nothing to write to."""
        outcome = WriteBack(opportunity_id="0065g00000NoSuc", status="Active")

        with pytest.raises(NotFound):
            await port.write_back(outcome, stamp())
        assert await port.find_write_back(outcome, stamp()) is None

    async def test_written_outcomes_are_the_records_of_ours(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """Deals that were never told of are not counted."""
        self.win_globex(simulator)
        outcome = self.outcome
        await port.write_back(outcome, stamp())

        (record,) = [record async for record in port.records()]

        assert record.kind == "write_back"
        assert record.business_id == outcome.opportunity_id
        assert record.status == "Active"
