"""What every CRM adapter must do."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from canonical.effects import ExternalRef, Stamp
from canonical.errors import AccountMissing, NotFound, OutcomeUnknown, UnsupportedTerms
from canonical.money import Money
from canonical.orders import Charge
from canonical.portfolio import ReadinessUpdate
from canonical.ports import CrmPort
from canonical.ports.crm import WriteBack
from canonical.renewal import ForecastCategory, ReadinessState
from tests.adapters.contracts.port import PortContract, stamp

RENEWS_ON = date(2027, 12, 1)


class CrmPortContract(PortContract):
    """The CRM suite: orders are read whole, outcomes are told once."""

    def win_globex(self, simulator: Any, **changes: Any) -> str:
        """Supply: put the won deal "Globex expansion" in and return its id.

        Globex GmbH (Berlin, DE, parent Globex Holding) buys 10 seats GTX-BASIC at 120.00 USD each
        from 2026-12-01 for 12 months, closed on 2026-11-20; one recurring line, amount 1,200.00.
        `changes`: `amount` (a string), `account=False` (the deal has no account).
        """
        raise NotImplementedError

    def account(self, simulator: Any, name: str, parent: str = "") -> str:
        """Supply: an account below another one (none: at the top); return its id."""
        raise NotImplementedError

    def merge(self, simulator: Any, survivor: str, merged: str) -> None:
        """Supply: an account is merged into another."""
        raise NotImplementedError

    def renewal(self, simulator: Any, account: str, closes_on: date, **given: Any) -> str:
        """Supply: a deal of type renewal over 1,100.00 USD, open unless `stage` is `won` or `lost`.

        `given`: `of` (the deal it names as the one it renews), `stage`, `type` (another type).
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

    def readiness(self, **changes: Any) -> ReadinessUpdate:
        """How ready the Globex contract is for its renewal."""
        given: dict[str, Any] = {
            "account_id": "0015g00000GLOBEXAA",
            "opportunity_id": self.deal,
            "contract_id": "sub_1QGlobex",
            "snapshot_id": "rs-4711",
            "renews_on": RENEWS_ON,
            "state": ReadinessState.AT_RISK,
            "forecast": ForecastCategory.BEST_CASE,
            "blocking": ["INV-1001 is 21 days overdue", "two urgent incidents are open"],
        }
        return ReadinessUpdate(**given | changes)

    async def test_a_readiness_is_found_once_it_is_shown_and_only_exactly_this_one(
        self, port: CrmPort
    ) -> None:
        """Another state, reason or snapshot is another readiness; shown again, nothing changes."""
        readiness = self.readiness()
        assert await port.find_readiness(readiness, stamp()) is None

        shown = await port.put_readiness(readiness, stamp())

        assert shown.id == self.deal
        assert await port.put_readiness(readiness, stamp()) == shown
        assert await port.find_readiness(readiness, stamp()) == shown
        for other in (
            self.readiness(state=ReadinessState.BLOCKED),
            self.readiness(snapshot_id="rs-4712"),
            self.readiness(blocking=[]),
        ):
            assert await port.find_readiness(other, stamp()) is None

    async def test_a_readiness_without_reasons_empties_them(self, port: CrmPort) -> None:
        """What stood in the way is forgotten once it does not."""
        await port.put_readiness(self.readiness(), stamp())
        ready = self.readiness(state=ReadinessState.READY, blocking=[], snapshot_id="rs-2")

        await port.put_readiness(ready, stamp())

        assert await port.find_readiness(ready, stamp()) is not None

    async def test_a_lost_answer_to_a_readiness_is_settled_by_looking(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """It may be shown, and is."""
        self.arm(simulator, "lost_response")

        with pytest.raises(OutcomeUnknown):
            await port.put_readiness(self.readiness(), stamp())

        assert await port.find_readiness(self.readiness(), stamp()) is not None

    async def test_a_readiness_and_an_outcome_leave_each_other_alone(self, port: CrmPort) -> None:
        """Each has fields of its own on the deal."""
        await port.write_back(self.outcome, stamp())
        await port.put_readiness(self.readiness(), stamp())

        assert await port.find_write_back(self.outcome, stamp()) is not None
        await port.write_back(self.outcome, stamp())
        assert await port.find_readiness(self.readiness(), stamp()) is not None

    async def test_a_readiness_of_an_unknown_deal_is_not_found(self, port: CrmPort) -> None:
        """There is nothing to show it on."""
        unknown = self.readiness(opportunity_id="0065g00000NoSuc")

        with pytest.raises(NotFound):
            await port.put_readiness(unknown, stamp())
        assert await port.find_readiness(unknown, stamp()) is None

    async def test_a_family_is_everybody_above_and_below(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """From the middle: the parent, and subsidiaries of subsidiaries; no sisters."""
        holding = self.account(simulator, "Initech Holding")
        initech = self.account(simulator, "Initech", holding)
        self.account(simulator, "Initrode", holding)
        europe = self.account(simulator, "Initech Europe", initech)
        france = self.account(simulator, "Initech France", europe)
        asia = self.account(simulator, "Initech Asia", initech)

        family = await port.family(initech)

        assert family.account_id == initech
        assert family.parent_id == holding
        assert set(family.subsidiaries) == {europe, asia, france}
        assert family.subsidiaries[-1] == france
        assert {account.id for account in family.accounts} == {
            holding, initech, europe, asia, france,
        }  # fmt: skip

    async def test_an_account_that_was_merged_names_the_one_that_survives(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """Also where that one was merged in turn; who is below it went along."""
        globex, initech = self.account(simulator, "Globex"), self.account(simulator, "Initech")
        hooli = self.account(simulator, "Hooli")
        below = self.account(simulator, "Globex GmbH", globex)
        self.merge(simulator, initech, globex)
        self.merge(simulator, hooli, initech)

        family = await port.family(globex)

        assert (family.merged_into, family.parent_id, family.accounts) == (hooli, hooli, [])
        assert (await port.family(hooli)).subsidiaries == [below]

    async def test_an_account_alone_is_its_own_family(self, port: CrmPort, simulator: Any) -> None:
        """With nobody above or below."""
        hooli = self.account(simulator, "Hooli")

        family = await port.family(hooli)

        assert ([a.id for a in family.accounts], family.subsidiaries) == ([hooli], [])

    @pytest.mark.parametrize("wrong", ["0015g00000NoSuc", "not-an-id", ""])
    async def test_the_family_of_an_unknown_account_is_not_found(
        self, port: CrmPort, wrong: str
    ) -> None:
        """Nobody has no subsidiaries."""
        with pytest.raises(NotFound):
            await port.family(wrong)

    async def test_the_renewal_that_names_the_deal_is_the_one(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """Even when another one closes on the very day."""
        globex = (await port.fetch_order(self.deal)).account_id
        self.renewal(simulator, globex, RENEWS_ON)
        named = self.renewal(simulator, globex, RENEWS_ON + timedelta(days=300), of=self.deal)

        told = await port.renewal_opportunity(globex, self.deal, RENEWS_ON)

        assert told.opportunity_id == named
        assert told.amount == Money.of("1100.00", "USD")
        assert told.close_on == RENEWS_ON + timedelta(days=300)
        assert (told.is_closed, told.is_won) == (False, False)
        assert told.stage
        assert abs(told.as_of - datetime.now(UTC)) < timedelta(minutes=1)

    async def test_without_a_name_the_nearest_renewal_is_the_one(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """Not that of a year before or after, of another deal, of another type or account."""
        globex = (await port.fetch_order(self.deal)).account_id
        other = self.win_globex(simulator)
        self.renewal(simulator, globex, RENEWS_ON - timedelta(days=366), stage="won")
        self.renewal(simulator, globex, RENEWS_ON, of=other)
        self.renewal(simulator, globex, RENEWS_ON, type="New Business")
        self.renewal(simulator, self.account(simulator, "Hooli"), RENEWS_ON)
        self.renewal(simulator, globex, RENEWS_ON - timedelta(days=100))
        near = self.renewal(simulator, globex, RENEWS_ON + timedelta(days=14))

        told = await port.renewal_opportunity(globex, self.deal, RENEWS_ON)

        assert told.opportunity_id == near

    @pytest.mark.parametrize(("stage", "won"), [("won", True), ("lost", False)])
    async def test_a_closed_renewal_says_how_it_ended(
        self, port: CrmPort, simulator: Any, stage: str, won: bool
    ) -> None:
        """Won or lost."""
        globex = (await port.fetch_order(self.deal)).account_id
        self.renewal(simulator, globex, RENEWS_ON, of=self.deal, stage=stage)

        told = await port.renewal_opportunity(globex, self.deal, RENEWS_ON)

        assert (told.is_closed, told.is_won) == (True, won)

    async def test_a_lost_renewal_that_was_tried_again_is_not_the_last_word(
        self, port: CrmPort, simulator: Any
    ) -> None:
        """An open one goes before a lost one."""
        globex = (await port.fetch_order(self.deal)).account_id
        self.renewal(simulator, globex, RENEWS_ON, of=self.deal, stage="lost")
        second = self.renewal(simulator, globex, RENEWS_ON + timedelta(days=30), of=self.deal)

        told = await port.renewal_opportunity(globex, self.deal, RENEWS_ON)

        assert told.opportunity_id == second

    async def test_without_a_renewal_only_account_and_time_are_told(self, port: CrmPort) -> None:
        """Nor for an account that is not there; the won deal itself renews nothing."""
        globex = (await port.fetch_order(self.deal)).account_id

        for account in (globex, "0015g00000NoSuc", "not-an-id"):
            told = await port.renewal_opportunity(account, self.deal, RENEWS_ON)
            assert (told.account_id, told.opportunity_id) == (account, "")
            assert (told.amount, told.close_on, told.is_closed) == (None, None, False)
