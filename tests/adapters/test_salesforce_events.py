"""Salesforce as a source of events, polled by SOQL over real HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.registry import connect_events
from adapters.salesforce.events import SalesforceEvents
from adapters.salesforce.place import OVERLAP
from adapters.salesforce.pubsub import SalesforcePubSub
from canonical.connections import Connection
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound
from canonical.facts import Kind, OpportunityFacts
from canonical.inbound import BACKFILL_PRIORITY, Channel
from canonical.money import Money
from canonical.ports.events import EventsPort
from simulators.salesforce import SalesforceSimulator
from tests.adapters.contracts.events import LONG_AGO
from tests.adapters.contracts.intake import DriftContract

CONSUMER_KEY = "3MVG9.tieline"
CLIENT_SECRET = "canary-client-secret-77"
STREAM = "opportunities"


class TestSalesforceEvents(DriftContract):
    """The suite of every source, and what is Salesforce's own."""

    stream = STREAM
    feed_path = "/query"
    identifying, needed = "SystemModstamp", "SystemModstamp"
    starts_processes = True
    forgets = False

    @pytest.fixture
    def simulator(self) -> SalesforceSimulator:
        self.deals: dict[int, str] = {}
        return SalesforceSimulator(connected_apps={CONSUMER_KEY: {"secret": CLIENT_SECRET}})

    @pytest.fixture(autouse=True)
    def _secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SF_SECRET", CLIENT_SECRET)

    @pytest.fixture
    def connection(self, url: str) -> Connection:
        return Connection(
            name="main", role="crm", vendor="salesforce", base_url=url,
            secrets={"client_secret": "env:SF_SECRET"}, options={"consumer_key": CONSUMER_KEY},
        )  # fmt: skip

    def source(self, connection: Connection) -> EventsPort:
        return SalesforceEvents.from_connection(connection, page_rows=self.page_size)

    async def change(self, simulator: Any, number: int) -> str:
        if number not in self.deals:
            self.deals[number] = won(simulator)
        else:
            simulator.store.update("Opportunity", self.deals[number], {"Amount": 1300.0})
        return self.deals[number]

    async def test_a_record_that_says_too_little_is_set_aside_and_holds_up_no_other(
        self, events: Any, simulator: Any, drift: Any, empty_ledger: Any
    ) -> None:
        """A deal is read by the process that it starts: the read says what is wrong."""
        broken = await self.change(simulator, 0)
        told, _, _ = await self.told(events, self.beginning(events))
        drift.drops, drift.about = self.needed, broken

        with pytest.raises(Malformed):
            await events.read(told[0])

    async def test_the_registry_knows_the_source(self, connection: Connection) -> None:
        """By the vendor's name."""
        source = connect_events(connection)

        assert isinstance(source, SalesforceEvents)
        assert source.streams() == [STREAM]
        await source.aclose()

    @pytest.mark.parametrize("source", [SalesforceEvents, SalesforcePubSub])
    async def test_a_production_org_is_no_test_connection(
        self, source: type[SalesforceEvents] | type[SalesforcePubSub]
    ) -> None:
        """What would be told there is live."""
        connection = Connection(
            name="main", role="crm", vendor="salesforce",
            base_url="https://acme.my.salesforce.com", environment="test",
            secrets={"client_secret": "env:SF_SECRET"}, options={"consumer_key": CONSUMER_KEY},
        )  # fmt: skip

        with pytest.raises(Misconfigured):
            source.from_connection(connection)

    async def test_a_poll_tells_under_the_id_and_version_of_the_signed_callout(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """So that a callout and the poll after it are one event in the inbox."""
        globex = won(simulator)
        callout = simulator.close_won(globex)

        (event,), _, _ = await self.told(events, self.beginning(events))

        assert event.event_id == callout.id
        assert event.type == "opportunity.closed_won"
        assert event.version == simulator.record("Opportunity", globex)["SystemModstamp"]
        assert event.channel is Channel.POLL
        assert event.occurred_at == moment(event.version)

    async def test_deals_that_are_not_won_are_not_told(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Initech still negotiates."""
        won(simulator, StageName="Negotiation")

        found, _, _ = await self.told(events, self.beginning(events))

        assert found == []

    async def test_equal_stamps_over_a_page_border_are_neither_skipped_nor_looped(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """A mass update stamps seven deals alike; the page has two rows."""
        at = stamp(datetime.now(UTC))
        deals = [won(simulator, SystemModstamp=at) for _ in range(7)]

        found, _, _ = await self.told(events, self.beginning(events))

        assert [event.subject for event in found] == sorted(deals)

    async def test_a_transaction_that_commits_after_a_younger_one_is_still_told(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Its stamp is older than what a poll has already read, within the overlap."""
        won(simulator)
        _, cursor, _ = await self.told(events, self.beginning(events))

        # When a long transaction ends whose record was saved nine minutes ago
        late = won(simulator, SystemModstamp=stamp(datetime.now(UTC) - timedelta(minutes=9)))

        found, _, _ = await self.told(events, cursor)
        assert late in {event.subject for event in found}

    async def test_what_commits_late_during_a_long_pass_is_told_by_the_next(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """The next pass begins before the first page of this one, not before its last."""
        now = datetime.now(UTC)
        for minutes in (30, 20, 9, 8):
            won(simulator, SystemModstamp=stamp(now - timedelta(minutes=minutes)))
        first = await events.changes(STREAM, self.beginning(events))
        second = await events.changes(STREAM, first.cursor)
        assert second.more

        late = won(simulator, SystemModstamp=stamp(now - timedelta(minutes=9, seconds=30)))
        rest, cursor, _ = await self.told(events, second.cursor)
        found, _, _ = await self.told(events, cursor)

        assert late not in {event.subject for event in rest}
        assert late in {event.subject for event in found}

    async def test_nothing_is_promised_for_the_time_in_which_commits_may_be_late(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """What is read up to lies the overlap before the poll, also when there was nothing."""
        before = datetime.now(UTC) - timedelta(seconds=2)
        _, _, read_up_to = await self.told(events, self.beginning(events))

        assert before - OVERLAP <= read_up_to <= datetime.now(UTC) - OVERLAP

    async def test_a_pass_does_not_go_back_behind_where_it_was_told_to_start(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """The first poll of a new connection looks back as far as it is told, not farther."""
        won(simulator, SystemModstamp=stamp(datetime.now(UTC) - timedelta(minutes=5)))
        cursor = events.start(STREAM, datetime.now(UTC))

        for _ in range(2):
            found, cursor, _ = await self.told(events, cursor)
            assert found == []

    async def test_a_page_in_the_middle_promises_no_more_than_it_has_read(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Two of three deals, of which the third is an hour younger."""
        now = datetime.now(UTC)
        ages = [timedelta(hours=hours) for hours in (3, 2, 1)]
        for age in ages:
            won(simulator, SystemModstamp=stamp(now - age))

        page = await events.changes(STREAM, self.beginning(events))

        assert page.more
        assert page.read_up_to <= now - ages[1]

    async def test_a_cursor_that_is_none_is_expired(self, events: EventsPort) -> None:
        """So that the gap is backfilled, whatever became of it."""
        for cursor in ("", "null", "[]", '{"at": "yesterday"}', '{"who": "2026"}'):
            with pytest.raises(CursorExpired):
                await events.changes(STREAM, cursor)

    async def test_a_stream_that_nobody_has_is_misconfigured(self, events: EventsPort) -> None:
        """There is one."""
        with pytest.raises(Misconfigured):
            events.start("accounts", datetime.now(UTC))

    async def test_the_facts_are_account_amount_and_entity(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """An amount in cents of the record's currency."""
        globex = simulator.add("Account", Name="Globex")
        deal = won(
            simulator, AccountId=globex, Amount=1200.5, CurrencyIsoCode="EUR",
            Legal_Entity__c="acme-de",
        )  # fmt: skip
        (event,), _, _ = await self.told(events, self.beginning(events))

        facts = await events.read(event)

        assert isinstance(facts, OpportunityFacts)
        assert facts.is_won
        assert facts.amount == Money(amount_minor=120050, currency="EUR")
        assert (facts.account_id, facts.opportunity_id) == (globex, deal)
        assert facts.legal_entity == "acme-de"
        assert facts.version == event.version

    async def test_a_deal_that_was_reopened_is_read_as_not_won(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """The hint is older than the truth."""
        deal = won(simulator)
        (event,), _, _ = await self.told(events, self.beginning(events))
        simulator.store.update("Opportunity", deal, {"StageName": "Negotiation"})

        facts = await events.read(event)

        assert isinstance(facts, OpportunityFacts)
        assert not facts.is_won

    async def test_a_deal_without_amount_or_currency_has_facts_without_amount(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """The process that reads the order says what is wrong with it."""
        won(simulator, Amount=None)
        won(simulator, CurrencyIsoCode="???")
        found, _, _ = await self.told(events, self.beginning(events))

        facts = [await events.read(event) for event in found]

        assert [f.amount for f in facts if isinstance(f, OpportunityFacts)] == [None, None]

    async def test_a_deleted_deal_is_not_found(self, events: EventsPort, simulator: Any) -> None:
        """Somebody removed it after it was won."""
        deal = won(simulator)
        (event,), _, _ = await self.told(events, self.beginning(events))
        simulator.store.delete("Opportunity", deal)

        with pytest.raises(NotFound):
            await events.read(event)

    async def test_an_event_that_names_no_deal_is_malformed(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Nothing is asked of Salesforce for it."""
        won(simulator)
        (event,), _, _ = await self.told(events, self.beginning(events))

        for change in ({"subject": ""}, {"subject": "Globex"}, {"kind": Kind.INVOICE}):
            with pytest.raises(Malformed):
                await events.read(event.model_copy(update=change))

    async def test_a_window_ends_before_its_end(self, events: EventsPort, simulator: Any) -> None:
        """Neighbouring windows share no deal; a backfill goes after activation."""
        noon = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        first = won(simulator, SystemModstamp=stamp(noon))
        second = won(simulator, SystemModstamp=stamp(noon + timedelta(hours=1)))
        middle = noon + timedelta(hours=1)

        found = [e async for e in events.backfill(STREAM, noon, middle)]
        after = await events.census(STREAM, middle, middle + LONG_AGO)

        assert [event.subject for event in found] == [first]
        assert found[0].channel is Channel.BACKFILL
        assert found[0].priority == BACKFILL_PRIORITY
        assert after.keys() == {second}

    async def test_a_stamp_of_another_form_is_malformed(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """Versions that would not sort are never let in."""
        won(simulator, SystemModstamp="2099-11-25T10:00:00Z")

        with pytest.raises(Malformed):
            await self.told(events, self.beginning(events))

    async def test_polls_side_by_side_tell_the_same(
        self, events: EventsPort, simulator: Any
    ) -> None:
        """A source holds no place of its own."""
        for _ in range(5):
            won(simulator)
        beginning = self.beginning(events)

        one, two = await asyncio.gather(
            self.told(events, beginning), self.told(events, beginning)
        )  # fmt: skip

        assert [event.event_id for event in one[0]] == [event.event_id for event in two[0]]


def won(org: SalesforceSimulator, **fields: Any) -> str:
    """A deal with Globex, closed-won unless said otherwise."""
    usual = {"StageName": "Closed Won", "CloseDate": "2026-11-20", "Amount": 1200.0}
    return org.add("Opportunity", Name="Globex expansion", **usual | fields)


def stamp(at: datetime) -> str:
    """A moment as Salesforce writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def moment(text: str) -> datetime:
    """The moment of a stamp."""
    return datetime.fromisoformat(text)
