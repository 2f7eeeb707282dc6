"""Stripe as a source of events, against the simulated account over real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import HttpUrl

from adapters.http import HttpClient, StaticAuth
from adapters.registry import connect_events
from adapters.stripe.amounts import from_stripe_amount
from adapters.stripe.cursors import Place
from adapters.stripe.errors import ERRORS
from adapters.stripe.events import StripeEvents
from adapters.stripe.facts import from_stripe_invoice, from_stripe_subscription, terms_digest
from adapters.stripe.hints import version_of
from canonical.connections import Connection
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound
from canonical.facts import ContractFacts, InvoiceFacts, InvoiceStatus, Kind
from canonical.inbound import BACKFILL_PRIORITY, Channel, InboundEvent
from canonical.money import Money
from canonical.ports.events import EventsPort
from domain.occurrences import is_overdue
from simulators.stripe import StripeSimulator, customers, invoices, schedules, subscriptions
from simulators.stripe.store import Call
from tests.adapters.contracts.events import LONG_AGO, PAGES_MAX
from tests.adapters.contracts.intake import DriftContract, GapContract

KEY = "sk_test_canary4711"
MONTH = timedelta(days=31)
ACCOUNT, DEAL = "0015g00000GlobexAAA", "0065g00000GlobexAAA"
USD = "USD"
EARLIER = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Account:
    """Customers, subscriptions and invoices in a simulated account, made as our adapter would."""

    def __init__(self, simulator: StripeSimulator) -> None:
        self.simulator = simulator
        self.billed: dict[int, str] = {}

    def subscribe(self, number: int = 0, *, deal: str = DEAL, **terms: Any) -> dict[str, Any]:
        """A subscription of a new customer, ten seats at 120.00, net 30, invoiced at once."""
        account = self.simulator.account
        metadata = {"tieline_account": ACCOUNT, "tieline_legal_entity": "Tieline Inc"}
        given = {"name": f"Globex {number}", "metadata": metadata}
        customer = customers.create(account, Call((), given))
        metadata = {"tieline_account": ACCOUNT, "tieline_opportunity": deal}
        params = {
            "customer": customer["id"], "metadata": metadata, "collection_method": "send_invoice",
            "days_until_due": "30", "items": [{"quantity": "10", "price_data": price(12_000)}],
        }  # fmt: skip
        return subscriptions.create(account, Call((), params | terms))

    def change(self, number: int) -> str:
        """An invoice, then partial payments of it; each a second later."""
        self.simulator.advance(1)
        if number in self.billed:
            self.simulator.happen(self.billed[number], "pay", amount=100)
        else:
            self.billed[number] = self.bill()
        return self.billed[number]

    def bill(self) -> str:
        """An invoice of a new customer without a subscription, finalized."""
        account = self.simulator.account
        customer = customers.create(account, Call((), {"name": "Initech"}))["id"]
        params = {"customer": customer, "currency": "usd", "amount": "120000"}
        invoices.create_item(account, Call((), params))
        invoice = invoices.create(account, Call((), {
            "customer": customer, "collection_method": "send_invoice", "days_until_due": "30",
            "pending_invoice_items_behavior": "include",
        }))  # fmt: skip
        return str(invoices.finalize(account, Call((), {}), invoice)["id"])

    def amend(self, subscription: dict[str, Any], quantity: int) -> None:
        """More seats from now on."""
        items = [{"id": subscription["items"]["data"][0]["id"], "quantity": str(quantity)}]
        params = {"items": items, "proration_behavior": "none"}
        subscriptions.update(self.simulator.account, Call((subscription["id"],), params))


def price(amount: int, currency: str = "usd") -> dict[str, Any]:
    """An inline price by the month."""
    return {
        "currency": currency, "product": "prod_basic", "unit_amount": str(amount),
        "recurring": {"interval": "month", "interval_count": "1"},
    }  # fmt: skip


class StripeContract(DriftContract, GapContract):
    """What both ways of polling share."""

    stream = "events"
    feed_path = "/v1/events"
    identifying, needed = "created", "status_transitions"
    polls = "undelivered"

    @pytest.fixture
    def simulator(self) -> StripeSimulator:
        # A destination that nothing has been delivered to: every event waits.
        return StripeSimulator(
            api_keys=(KEY,), products=[{"id": "prod_basic", "name": "Basic"}],
            webhook_url="http://127.0.0.1:9/stripe", webhook_secret="whsec_unused",
        )  # fmt: skip

    @pytest.fixture
    def account(self, simulator: StripeSimulator) -> Account:
        return Account(simulator)

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setenv("STRIPE_KEY", KEY)
        return Connection(
            name="main", role="billing", vendor="stripe", base_url=url,
            secrets={"api_key": "env:STRIPE_KEY"}, options={"polls": self.polls},
        )  # fmt: skip

    def source(self, connection: Connection) -> EventsPort:
        client = HttpClient(connection, StaticAuth.bearer(KEY), ERRORS)
        return StripeEvents(client, polls=self.polls, page_size=self.page_size)

    async def change(self, simulator: Any, number: int) -> str:
        if not hasattr(simulator, "books"):
            simulator.books = Account(simulator)
        changed: str = simulator.books.change(number)
        return changed

    async def forget(self, simulator: Any) -> None:
        simulator.advance(MONTH.total_seconds())


class TestEverythingIsPolled(StripeContract):
    """The events suite, where no webhook is set up at all."""

    polls = "all"

    @pytest.fixture
    def simulator(self) -> StripeSimulator:
        return StripeSimulator(api_keys=(KEY,), products=[{"id": "prod_basic", "name": "Basic"}])


class TestStripeEvents(StripeContract):
    """The events suite beside a webhook, and what is Stripe's own."""

    async def hint(self, events: EventsPort, subject: str) -> InboundEvent:
        """The newest hint of a record."""
        found: list[InboundEvent] = []
        cursor, more = self.beginning(events), True
        for _ in range(PAGES_MAX):
            page = await events.changes(self.stream, cursor)
            found, cursor, more = found + page.events, page.cursor, page.more
            if not more:
                break
        return [event for event in found if event.subject == subject][-1]

    async def newest(self, events: EventsPort, subject: str) -> Any:
        """A record as read for its newest hint."""
        return await events.read(await self.hint(events, subject))

    async def test_what_a_webhook_delivered_is_not_polled_again(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """The poll is the net below the webhook, unless it is told to ask for everything."""
        delivered = account.change(0)
        for told in simulator.account.remembered():
            told.pending = False
        lost = account.change(1)

        found, _, _ = await self.told(events, self.beginning(events))

        assert lost in {event.subject for event in found}
        assert delivered not in {event.subject for event in found}

    async def test_an_idle_feed_does_not_lose_its_place_in_thirty_days(
        self, events: EventsPort, connection: Connection, account: Account
    ) -> None:
        """Weeks without a failed delivery are no gap: the cursor moves on with the clock."""
        account.change(0)
        _, cursor, _ = await self.told(events, self.beginning(events))
        later = StripeEvents(
            HttpClient(
                connection, StaticAuth.bearer(KEY), ERRORS,
                clock=lambda: datetime.now(UTC) + timedelta(days=20),
            )
        )  # fmt: skip

        page = await later.changes(self.stream, cursor)

        assert page.events == []
        assert Place.parse(page.cursor).at > datetime.now(UTC) + timedelta(days=19)
        await later.aclose()

    @pytest.mark.parametrize("cursor", ["evt_1Globex", "", "yesterday evt_1", "1790000000"])
    async def test_a_cursor_that_leads_nowhere_is_expired(
        self, events: EventsPort, cursor: str
    ) -> None:
        """One of another source, and one from before Stripe's memory, though Stripe would answer
        the latter with an empty list."""
        if cursor.isdigit():
            cursor = str(Place(datetime.now(UTC) - timedelta(days=30)))
        with pytest.raises(CursorExpired):
            await events.changes(self.stream, cursor)

    async def test_a_wrong_address_is_no_gap(
        self, connection: Connection, account: Account
    ) -> None:
        """It would have every record read again, for a mistake in the configuration."""
        astray = connection.model_copy(update={"base_url": HttpUrl(f"{connection.url}/v2")})
        source = self.source(astray)
        with pytest.raises(NotFound):
            await source.changes(self.stream, str(Place(datetime.now(UTC), "evt_1Globex")))
        await source.aclose()

    async def test_a_census_beyond_thirty_days_is_refused(self, events: EventsPort) -> None:
        """A count of what Stripe still remembers would pass for a count of everything."""
        now = datetime.now(UTC)
        with pytest.raises(CursorExpired):
            await events.census(self.stream, now - MONTH, now)

    async def test_an_invoice_is_read_with_what_our_adapter_stamped(
        self, events: EventsPort, account: Account
    ) -> None:
        """Account and deal come from the subscription, the legal entity from the customer."""
        subscription = account.subscribe()

        facts = await self.newest(events, subscription["latest_invoice"])

        assert isinstance(facts, InvoiceFacts)
        assert facts.status is InvoiceStatus.OPEN
        assert facts.total == facts.remaining == Money.of("1200.00", USD)
        assert facts.paid == Money.zero(USD)
        assert facts.due_on == (datetime.now(UTC) + timedelta(days=30)).date()
        assert facts.contract_id == subscription["id"]
        assert (facts.account_id, facts.opportunity_id) == (ACCOUNT, DEAL)
        assert facts.legal_entity == "Tieline Inc"
        assert facts.number
        assert facts.posted_at is not None
        assert facts.paid_at is None
        assert not facts.disputed

    async def test_an_invoice_is_paid_in_part_then_in_full(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """Each payment is another version, whose facts say what is left."""
        invoice = account.subscribe()["latest_invoice"]
        simulator.advance(1)
        simulator.happen(invoice, "pay", amount=20_000)
        part = await self.newest(events, invoice)
        simulator.advance(1)
        simulator.happen(invoice, "pay")
        whole = await self.newest(events, invoice)

        assert isinstance(part, InvoiceFacts)
        assert isinstance(whole, InvoiceFacts)
        assert (part.status, part.paid) == (InvoiceStatus.OPEN, Money.of(200, USD))
        assert part.remaining == Money.of(1000, USD)
        assert (whole.status, whole.remaining) == (InvoiceStatus.PAID, Money.zero(USD))
        assert whole.paid_at is not None
        assert whole.version > part.version

    async def test_a_disputed_payment_shows_on_its_invoice_until_the_dispute_is_won(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """It is asked for by the invoice's payments, since a charge names no invoice."""
        invoice = account.subscribe()["latest_invoice"]
        simulator.happen(invoice, "pay")
        simulator.happen(invoice, "dispute")
        disputed = await self.newest(events, invoice)
        simulator.happen(invoice, "dispute", status="won")
        won = await self.newest(events, invoice)

        assert isinstance(disputed, InvoiceFacts)
        assert isinstance(won, InvoiceFacts)
        assert disputed.disputed
        assert not won.disputed

    async def test_an_overdue_invoice_is_told_when_its_day_has_passed(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """Stripe's own event for an invoice that was sent; the record itself does not change."""
        invoice = account.subscribe()["latest_invoice"]
        first, cursor, _ = await self.told(events, self.beginning(events))
        before = await events.read(next(e for e in first if e.subject == invoice))
        simulator.advance(1)
        simulator.happen(invoice, "overdue")

        found, _, _ = await self.told(events, cursor)

        (overdue,) = [event for event in found if event.type == "invoice.overdue"]
        facts = await events.read(overdue)
        assert isinstance(before, InvoiceFacts)
        assert isinstance(facts, InvoiceFacts)
        assert facts.status is InvoiceStatus.OPEN
        assert facts.due_on is not None
        # It is told once, on the day itself: by the date alone it would not be overdue yet.
        assert (before.past_due, facts.past_due) == (False, True)
        assert is_overdue(facts, facts.due_on)

    async def test_an_amendment_changes_the_terms_and_a_note_does_not(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """The digest is of prices and quantities; so is the value, for as long as was agreed."""
        ours = {"tieline_account": ACCOUNT, "tieline_opportunity": DEAL, "tieline_months": "12"}
        subscription = account.subscribe(metadata=ours)
        first = await self.newest(events, subscription["id"])
        simulator.advance(1)
        params = {"description": "call before renewal"}
        subscriptions.update(simulator.account, Call((subscription["id"],), params))
        noted = await self.newest(events, subscription["id"])
        simulator.advance(1)
        account.amend(subscription, 12)
        amended = await self.newest(events, subscription["id"])

        assert isinstance(first, ContractFacts)
        assert isinstance(noted, ContractFacts)
        assert isinstance(amended, ContractFacts)
        assert first.status == "active"
        assert (first.account_id, first.opportunity_id) == (ACCOUNT, DEAL)
        assert first.legal_entity == "Tieline Inc"
        assert first.terms_digest == noted.terms_digest != amended.terms_digest
        year, more = Money.of("14400", "USD"), Money.of("17280", "USD")
        assert (first.value, noted.value, amended.value) == (year, year, more)
        assert first.version < noted.version < amended.version

    @pytest.mark.parametrize(
        "agreed",
        [
            {"metadata": {"tieline_notice_days": "60"}},
            {"metadata": {"tieline_co_term_on": "2026-12-31"}},
            {"cancel_at_period_end": "true"},
        ],
        ids=["notice", "co-term", "cancelled later"],
    )
    async def test_another_end_is_an_amendment(
        self,
        events: EventsPort,
        simulator: StripeSimulator,
        account: Account,
        agreed: dict[str, Any],
    ) -> None:
        """Nothing else would move the clock of the contract's renewal."""
        subscription = account.subscribe()
        before = await self.newest(events, subscription["id"])
        simulator.advance(1)
        subscriptions.update(simulator.account, Call((subscription["id"],), agreed))
        after = await self.newest(events, subscription["id"])

        assert isinstance(before, ContractFacts)
        assert isinstance(after, ContractFacts)
        assert before.terms_digest != after.terms_digest

    async def test_a_subscription_that_is_none_of_ours_or_is_priced_by_tiers_has_no_value(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """It is read all the same."""
        foreign = await self.newest(events, account.subscribe()["id"])
        record = account.subscribe(metadata={"tieline_months": "12"}) | {"schedule": None}
        (item,) = record["items"]["data"]
        tiers = item | {"price": item["price"] | {"unit_amount": None, "id": "price_tiers"}}
        tiers["price"]["unit_amount_decimal"] = None
        tiered = from_stripe_subscription(
            record | {"items": {"data": [tiers]}}, known_at=EARLIER, changed_at=EARLIER
        )

        assert isinstance(foreign, ContractFacts)
        assert (foreign.value, tiered.value) == (None, None)

    async def test_a_canceled_subscription_has_an_end(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """Stripe tells of it as deleted; the record stays."""
        subscription = account.subscribe()
        subscriptions.cancel(simulator.account, Call((subscription["id"],), {}))

        facts = await self.newest(events, subscription["id"])

        assert isinstance(facts, ContractFacts)
        assert facts.status == "canceled"
        assert facts.ended_at is not None

    async def test_a_schedule_is_told_by_its_subscription(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """Its phases are the terms, the coming ones too."""
        subscription = account.subscribe()
        before = await self.newest(events, subscription["id"])
        made = schedules.create(
            simulator.account, Call((), {"from_subscription": subscription["id"]})
        )

        found, _, _ = await self.told(events, self.beginning(events))

        (told,) = [event for event in found if event.type == "subscription_schedule.created"]
        assert (told.kind, told.subject) == (Kind.CONTRACT, subscription["id"])
        scheduled = await events.read(told)
        assert isinstance(before, ContractFacts)
        assert isinstance(scheduled, ContractFacts)
        assert made["id"] == subscription["schedule"]
        assert scheduled.terms_digest != before.terms_digest

    async def test_a_recent_gap_is_filled_from_the_list_itself(
        self, events: EventsPort, account: Account
    ) -> None:
        """It alone tells an amendment from a subscription that only runs; ids are the feed's own,
        so what came in already is not taken in again."""
        quiet, amended = account.subscribe(0), account.subscribe(1)
        since = datetime.now(UTC) + timedelta(seconds=60)
        account.simulator.advance(120)
        account.amend(amended, 12)

        until = since + timedelta(minutes=5)
        found = [event async for event in events.backfill(self.stream, since, until)]

        (hint,) = found
        assert hint.event_id == (await self.hint(events, amended["id"])).event_id
        assert (hint.channel, hint.priority) == (Channel.BACKFILL, BACKFILL_PRIORITY)
        assert quiet["id"] != hint.subject

    async def test_a_gap_older_than_the_list_is_filled_from_the_records(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """Open invoices and running subscriptions leave no stamp and are told, each under one id a
        window; what ended before it is left out."""
        simulator.advance(-100 * 86_400)
        running, ended = account.subscribe(0), account.subscribe(1)
        simulator.happen(ended["latest_invoice"], "void")
        subscriptions.cancel(simulator.account, Call((ended["id"],), {}))
        simulator.advance(20 * 86_400)
        settled = account.bill()
        simulator.advance(70 * 86_400)
        simulator.happen(settled, "pay")
        now = datetime.now(UTC)
        since, until = now - 2 * MONTH, now - MONTH

        found = [event async for event in events.backfill(self.stream, since, until)]
        again = [event async for event in events.backfill(self.stream, since, until)]
        longer = [event async for event in events.backfill(self.stream, since, now)]

        expected = {running["id"], running["latest_invoice"], settled}
        assert {e.subject for e in found} == expected
        assert [e.event_id for e in found] == [e.event_id for e in again]
        assert not {e.event_id for e in found} & {e.event_id for e in longer}
        assert {e.priority for e in found} == {BACKFILL_PRIORITY}

    async def test_a_backfilled_record_claims_the_end_of_the_window_but_not_the_present(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """It is read now, so it is as new as that; a change that happens meanwhile must not look
        old."""
        simulator.advance(-100 * 86_400)
        account.amend(account.subscribe(), 12)
        now = datetime.now(UTC)

        window = (now - 2 * MONTH, now + LONG_AGO)
        found = [event async for event in events.backfill(self.stream, *window)]

        assert len(found) == 2
        for event in found:
            facts = await events.read(event)
            assert facts.version == event.version
            assert version_of(now - LONG_AGO) < facts.version < version_of(now)
            assert facts.changed_at < now - timedelta(days=99)

    async def test_the_newest_version_is_looked_for_within_bounds(
        self, events: EventsPort, simulator: StripeSimulator, account: Account
    ) -> None:
        """A record that hundreds of younger events hide keeps the version of its hint: a bound
        from below, and no endless paging."""
        quiet = account.subscribe()["latest_invoice"]
        hint = await self.hint(events, quiet)
        simulator.advance(1)
        busy = account.subscribe(1)["latest_invoice"]
        for _ in range(400):
            simulator.happen(busy, "fail")
        simulator.log.clear()

        facts = await events.read(hint)

        assert facts.version >= hint.version
        assert sum(call["path"] == "/v1/events" for call in simulator.log) == 3

    async def test_the_registry_builds_it_with_its_option(self, connection: Connection) -> None:
        """From the connection's own options, and refuses a word it does not know."""
        source = connect_events(connection)
        assert isinstance(source, StripeEvents)
        assert source.streams() == ["events", "disputes"]
        await source.aclose()
        wrong = connection.model_copy(update={"options": {"polls": "everything"}})
        with pytest.raises(Misconfigured, match="polls"):
            connect_events(wrong)

    async def test_a_live_key_is_refused_on_a_test_connection(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As for billing."""
        monkeypatch.setenv("STRIPE_KEY", "sk_live_canary")
        with pytest.raises(Misconfigured, match="live"):
            StripeEvents.from_connection(connection)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [(1200, "usd", 1200), (500, "jpy", 500), (5120, "kwd", 5120), (500, "isk", 5), (7, "mga", 700)],
)
def test_amounts_become_minor_units(amount: int, currency: str, minor: int) -> None:
    """As ISO 4217 counts, also where Stripe does not."""
    assert from_stripe_amount(amount, currency) == Money(
        amount_minor=minor, currency=currency.upper()
    )


@pytest.mark.parametrize("amount", [550, 1.5, "100", None, True])
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    """Half a krona, a fraction, a text: nothing is rounded or guessed."""
    with pytest.raises((TypeError, ValueError)):
        from_stripe_amount(amount, "isk")


INVOICE = {
    "id": "in_1Globex", "object": "invoice", "created": 1_790_000_000, "currency": "eur",
    "customer": {"id": "cus_1", "object": "customer", "deleted": True}, "status": "open",
    "status_transitions": {"finalized_at": 1_790_000_000, "paid_at": None}, "total": 100,
    "amount_paid": 0, "amount_remaining": 100, "due_date": None, "number": "GLX-0001",
    "collection_method": "send_invoice", "attempted": False,
}  # fmt: skip
AT = {
    "known_at": datetime(2026, 11, 22, tzinfo=UTC),
    "changed_at": datetime(2026, 11, 22, tzinfo=UTC),
}


def test_an_invoice_of_a_deleted_customer_without_subscription_is_still_understood() -> None:
    """It is nobody's deal, and a field that is new is of no interest."""
    facts = from_stripe_invoice(INVOICE | {"hue": "teal"}, **AT)
    assert (facts.account_id, facts.opportunity_id, facts.contract_id) == ("", "", "")
    assert facts.version == "2026-11-22T00:00:00Z"


@pytest.mark.parametrize(
    "gone", ["currency", "status", "total", "amount_paid", "amount_remaining", "status_transitions"]
)
def test_an_invoice_without_a_needed_field_is_malformed(gone: str) -> None:
    """Schema drift stops here, by name of the record and without its content."""
    with pytest.raises(Malformed, match="in_1Globex"):
        from_stripe_invoice({k: v for k, v in INVOICE.items() if k != gone}, **AT)


def listed(number: int, **changed: Any) -> dict[str, Any]:
    """A price as Stripe tells it."""
    return {
        "id": f"price_{number}", "product": "prod_basic", "currency": "eur",
        "unit_amount": 100 * number, "unit_amount_decimal": f"{100 * number}",
        "recurring": {"interval": "month", "interval_count": 1}, **changed,
    }  # fmt: skip


def test_the_same_price_under_another_id_amends_nothing() -> None:
    """A price made in passing has a new id each time; tiers are only told apart by it."""
    base = {"currency": "eur", "schedule": None, "cancel_at": None}

    def digest(price: dict[str, Any]) -> str:
        return terms_digest(base | {"items": {"data": [{"price": price, "quantity": 1}]}})

    tiers: dict[str, Any] = {"unit_amount": None, "unit_amount_decimal": None}
    assert digest(listed(1)) == digest(listed(1, id="price_9", unit_amount_decimal="100.0"))
    assert digest(listed(1)) != digest(listed(1, unit_amount_decimal="100.5"))
    assert digest(listed(1)) != digest(listed(1, recurring={"interval": "year"}))
    assert digest(listed(1, **tiers)) != digest(listed(2, **tiers))


def test_terms_are_the_same_in_any_order() -> None:
    """Stripe promises no order of items."""
    items = [{"price": listed(n), "quantity": n} for n in (1, 2)]
    base = {"currency": "eur", "schedule": None, "cancel_at": None}
    one = terms_digest(base | {"items": {"data": items}})
    other = terms_digest(base | {"items": {"data": items[::-1]}})
    assert one == other
    assert one != terms_digest(base | {"items": {"data": items[:1]}})
