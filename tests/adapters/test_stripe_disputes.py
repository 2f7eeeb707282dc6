"""Stripe's disputes, against the simulated account: a bank's doubt is read as an invoice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.feeds import FeedActivities
from canonical.errors import NotFound
from canonical.facts import InvoiceFacts, InvoiceStatus, Kind
from canonical.inbound import Channel, InboundEvent
from canonical.ports.events import EventsPort
from ledger.feeds import Feeds
from ledger.inbox import InboxState
from ledger.views.inbox import InboxLine
from simulators.stripe import StripeSimulator, disputes
from simulators.stripe.store import Call, Obj
from tests.adapters.contracts.intake import MAIN
from tests.adapters.test_stripe_events import MONTH, Account, StripeContract


class Bank:
    """A paid invoice for each number, and what the customer's bank says of its payment."""

    def __init__(self, simulator: StripeSimulator) -> None:
        self.simulator = simulator
        self.invoices: dict[int, str] = {}
        self.told: dict[int, Obj] = {}

    def change(self, number: int) -> str:
        """A payment is disputed; then its dispute is under review and back, each a second later."""
        self.simulator.advance(1)
        if number not in self.told:
            self.invoices[number] = Account(self.simulator).subscribe(number)["latest_invoice"]
            self.simulator.happen(self.invoices[number], "pay")
            self.simulator.advance(1)
            self.told[number] = self.simulator.happen(self.invoices[number], "dispute")
        else:
            status = {"needs_response": "under_review", "under_review": "needs_response"}
            now = self.simulator.account.disputes.need(self.told[number]["id"])["status"]
            self.simulator.happen(self.invoices[number], "dispute", status=status[now])
        return str(self.told[number]["id"])

    def other(self) -> str:
        """A payment that was made for no invoice, disputed too."""
        account = self.simulator.account
        intent = account.ids.next("pi")
        return str(disputes.dispute_payment(account, Call((), {}), intent, 4_900, "usd")["id"])


class TestStripeDisputes(StripeContract):
    """The events suite for the stream of disputes, and what a dispute is read as."""

    stream = "disputes"
    needed = "payment_intent"

    @pytest.fixture
    def bank(self, simulator: StripeSimulator) -> Bank:
        return Bank(simulator)

    async def change(self, simulator: Any, number: int) -> str:
        if not hasattr(simulator, "bank"):
            simulator.bank = Bank(simulator)
        changed: str = simulator.bank.change(number)
        return changed

    async def forget(self, simulator: Any) -> None:
        # As invoices become overdue in that month, the banks go on: otherwise nothing happens.
        await super().forget(simulator)
        for number in simulator.bank.told:
            simulator.bank.change(number)

    def of_stream(self, lines: list[InboxLine]) -> list[InboxLine]:
        return [line for line in lines if line.kind == Kind.DISPUTE]

    async def test_a_dispute_is_read_as_the_invoice_that_was_paid(
        self, events: EventsPort, simulator: StripeSimulator, bank: Bank
    ) -> None:
        """It names a payment, the payment's invoice is asked for, and shows what the bank says."""
        seen: list[InvoiceFacts] = []
        for number in (0, 1):
            bank.change(number)
        for status in ("needs_response", "under_review", "won"):
            simulator.happen(bank.invoices[0], "dispute", status=status)
            simulator.advance(1)
            hint = await self.newest_hint(events, bank.told[0]["id"])
            facts = await events.read(hint)
            assert isinstance(facts, InvoiceFacts)
            assert facts.version >= hint.version
            seen.append(facts)

        assert {facts.id for facts in seen} == {bank.invoices[0]}
        assert [facts.disputed for facts in seen] == [True, True, False]
        assert {facts.status for facts in seen} == {InvoiceStatus.PAID}
        assert {facts.account_id for facts in seen} == {"0015g00000GlobexAAA"}

    async def test_the_newest_dispute_says_when_its_invoice_changed(
        self, events: EventsPort, simulator: StripeSimulator, bank: Bank
    ) -> None:
        """The invoice has no stamp of its own for it, and its version grows all the same."""
        dispute = bank.change(0)
        first = await events.read(await self.newest_hint(events, dispute))
        simulator.advance(3_600)
        simulator.happen(bank.invoices[0], "dispute", status="won")

        second = await events.read(await self.newest_hint(events, dispute))

        assert isinstance(first, InvoiceFacts)
        assert isinstance(second, InvoiceFacts)
        assert second.version > first.version
        assert second.changed_at - first.changed_at >= timedelta(hours=1)

    async def test_a_dispute_of_another_payment_is_nothing_to_do(
        self, events: EventsPort, bank: Bank, empty_ledger: Path
    ) -> None:
        """It is on record as none of ours, at once: no failure, no dead letter, no event."""
        dispute = bank.other()

        async with self.ledger(empty_ledger, events) as ledger:
            await ledger.poll()
            await ledger.take_in()
            lines = await ledger.lines()
            told = await ledger.told()

        assert {line.subject for line in lines} == {dispute}
        assert {(line.state, line.attempts) for line in lines} == {(InboxState.IGNORED, 1)}
        assert {line.error for line in lines} == {"its record is none of ours"}
        assert told == []

    async def test_a_charge_without_an_intent_leads_to_no_invoice(
        self, events: EventsPort, simulator: StripeSimulator, bank: Bank
    ) -> None:
        """Stripe says null there; the list of invoice payments takes intents only."""
        dispute = bank.change(0)
        hint = await self.newest_hint(events, dispute)
        simulator.account.disputes.need(dispute)["payment_intent"] = None
        simulator.log.clear()

        assert await events.read(hint) is None
        assert [call["path"] for call in simulator.log] == ["/v1/events", f"/v1/disputes/{dispute}"]

    async def test_a_dispute_that_is_not_there_is_not_found(
        self, events: EventsPort, bank: Bank
    ) -> None:
        """A hint of another account, say: somebody has to look."""
        hint = await self.newest_hint(events, bank.change(0))
        with pytest.raises(NotFound):
            await events.read(hint.model_copy(update={"subject": "du_1Elsewhere"}))

    async def test_a_thin_hint_and_a_snapshot_lead_to_the_same_read(
        self, events: EventsPort, bank: Bank
    ) -> None:
        """Both name the dispute, and nothing of the payload is believed."""
        hint = await self.newest_hint(events, bank.change(0))
        thin = hint.model_copy(update={"event_id": "evt_test_1", "body": b"{}"})
        assert await events.read(hint) == await events.read(thin)

    async def test_a_dispute_costs_three_requests_more_than_its_invoice(
        self, events: EventsPort, simulator: StripeSimulator, bank: Bank
    ) -> None:
        """What was told of it, the dispute and its payment, then as for any paid invoice."""
        hint = await self.newest_hint(events, bank.change(0))
        simulator.log.clear()

        await events.read(hint)

        asked = [call["path"].removeprefix("/v1/").partition("/")[0] for call in simulator.log]
        assert asked == [
            "events", "disputes", "invoice_payments",
            "events", "invoices", "invoice_payments", "disputes",
        ]  # fmt: skip

    async def test_a_dispute_that_no_endpoint_asked_for_is_found_by_the_count(
        self, events: EventsPort, simulator: StripeSimulator, bank: Bank, empty_ledger: Path
    ) -> None:
        """An endpoint of old has not these types, and Stripe leaves nothing undelivered for it."""
        simulator.advance(-3_600)
        dispute = bank.change(0)
        for told in simulator.account.remembered():
            told.pending = False

        async with self.ledger(empty_ledger, events) as ledger:
            await ledger.poll()
            polled = await ledger.lines()
            feed = FeedActivities(events, "main", ledger.polling, Feeds(ledger.db))
            counted = await ActivityEnvironment().run(feed.count, MAIN)
            lines = await ledger.lines()

        assert polled == []
        assert counted.missing == 0 < counted.told
        assert dispute in {line.subject for line in lines}

    async def test_a_gap_older_than_the_list_tells_the_disputes_of_half_a_year(
        self, events: EventsPort, simulator: StripeSimulator, bank: Bank
    ) -> None:
        """A closed one too: nothing in it says when it was closed."""
        simulator.advance(-300 * 86_400)
        bank.change(0)
        simulator.advance(150 * 86_400)
        older = bank.change(1)
        simulator.happen(bank.invoices[1], "dispute", status="won")
        simulator.advance(100 * 86_400)
        newer = bank.change(2)
        now = datetime.now(UTC)

        found = [e async for e in events.backfill(self.stream, now - 2 * MONTH, now - MONTH)]

        assert {event.subject for event in found} == {older, newer}
        assert {event.kind for event in found} == {Kind.DISPUTE}
        assert {event.channel for event in found} == {Channel.BACKFILL}

    async def newest_hint(self, events: EventsPort, dispute: str) -> InboundEvent:
        """The newest hint of a dispute in the stream."""
        found, _, _ = await self.told(events, self.beginning(events))
        return [event for event in found if event.subject == dispute][-1]
