"""NetSuite as a source of events, over real HTTP, against the stand-in of SuiteTalk REST."""

import itertools
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from adapters.http import HttpClient
from adapters.netsuite import feed
from adapters.netsuite.auth import token_auth
from adapters.netsuite.errors import NETSUITE_ERRORS
from adapters.netsuite.events import NetSuiteEvents
from adapters.netsuite.settings import NetSuiteSettings
from adapters.netsuite.webhook import verify
from adapters.registry import connect_events
from canonical.connections import Connection, Environment, Role
from canonical.errors import CursorExpired, Malformed, NotFound
from canonical.events import InvoiceOverdue, InvoicePosted
from canonical.facts import ContractFacts, InvoiceFacts, InvoiceStatus, Kind
from canonical.inbound import Channel, InboundEvent
from canonical.money import Money
from canonical.ports.events import EventsPort
from domain.occurrences import occurrences
from ledger.views.inbox import InboxLine
from simulators.netsuite import NetSuiteSimulator
from tests.adapters.contracts.events import LONG_AGO
from tests.adapters.contracts.intake import DriftContract

ITEMS = [{"externalId": "PLATFORM", "displayName": "Platform"}]
SECRET = "whsec_" + "bmV0c3VpdGUtbmV0c3VpdGUtbmV0c3VpdGU="
BEHIND_SECONDS = 40.0  # within the clock skew that the token endpoint forgives


@lru_cache
def signing_key() -> ECKey:
    """A key pair, made once for all tests."""
    return ECKey.generate_key("P-256")


def usd(major: str) -> Money:
    """An amount in dollars."""
    return Money.of(major, "USD")


class NetSuiteContract(DriftContract):
    """What both feeds share."""

    forgets = False
    feed_path = "/suiteql"
    identifying, needed = "changed", "currency"

    @pytest.fixture
    def simulator(self) -> NetSuiteSimulator:
        pem = signing_key().as_pem(private=False).decode()
        account = NetSuiteSimulator(
            items=ITEMS,
            certificates={"cert-1": {"client_id": "tieline", "public_key_pem": pem}},
        )
        # Each change gets a second of its own, and all of them have passed when we ask.
        account.moved_seconds = -BEHIND_SECONDS
        return account

    @pytest.fixture
    def connection(self, url: str, tmp_path: Path) -> Connection:
        key = tmp_path / "netsuite.pem"
        key.write_bytes(signing_key().as_pem(private=True))
        options = {"client_id": "tieline", "certificate_id": "cert-1", "algorithm": "ES256"}
        return Connection(
            name="main",
            role=Role.ERP,
            vendor="netsuite",
            base_url=url,
            environment=Environment.TEST,
            secrets={"private_key": f"file:{key}"},
            options={**options, "subsidiary.Acme Inc": "1", "currency.USD": "1"},
        )

    def source(self, connection: Connection) -> NetSuiteEvents:
        client = HttpClient(connection, token_auth(connection), NETSUITE_ERRORS)
        settings = NetSuiteSettings.from_connection(connection)
        return NetSuiteEvents(client, settings, rows_max=self.page_size)

    async def about(self, events: EventsPort, subject: str) -> list[InboundEvent]:
        """The hints of one subject so far."""
        found, _, _ = await self.told(events, self.beginning(events))
        return [event for event in found if event.subject == subject]


class TestNetSuiteEvents(NetSuiteContract):
    """NetSuite keeps the contract of a source, and its traps are avoided."""

    stream = "transactions"

    async def change(self, simulator: NetSuiteSimulator, number: int) -> str:
        return order(simulator, number, memo=f"at {simulator.now()}")

    async def test_the_registry_knows_the_source(self, connection: Connection) -> None:
        """By the vendor's name, with the page size that NetSuite allows at most."""
        source = connect_events(connection)

        assert isinstance(source, NetSuiteEvents)
        assert source.streams() == ["transactions", "overdue"]
        await source.aclose()

    async def test_a_new_invoice_is_read_with_what_belongs_to_it(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """The account and the deal by the external ids that we wrote, the money exact."""
        invoice = billed(simulator)

        told = await self.about(events, invoice)
        found = await events.read(told[-1])

        assert isinstance(found, InvoiceFacts)
        assert (found.account_id, found.opportunity_id) == ("0015g00000Globex", "0065g00000Glo1")
        assert (found.legal_entity, found.number) == ("Acme Inc", "INV000001")
        ordered = simulator.records.get("salesOrder", "eid:so-0065g00000Glo1")
        assert found.contract_id == ordered["id"]
        assert (found.total, found.paid, found.remaining) == (
            usd("12000.10"), usd("0"), usd("12000.10"),
        )  # fmt: skip
        assert found.status is InvoiceStatus.OPEN
        assert found.due_on == date(2026, 4, 30)
        assert found.posted_at is not None
        assert found.posted_at.tzinfo is not None
        assert found.version == told[-1].version

    async def test_a_payment_is_a_hint_at_the_invoice_it_pays(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Of its own id and version; the invoice then says how much is paid by now."""
        invoice = billed(simulator)
        before = await events.read((await self.about(events, invoice))[-1])
        simulator.moved_seconds += 2
        payment = simulator.clerk.pay(invoice, 5000.1)

        told = [e for e in await self.about(events, invoice) if "customerpayment" in e.event_id]
        now = await events.read(told[-1])

        assert len(told) == 1
        assert told[0].event_id == f"ns:customerpayment:{payment}:{told[0].version}:{invoice}"
        assert isinstance(now, InvoiceFacts)
        assert (now.paid, now.remaining) == (usd("5000.10"), usd("7000.00"))
        assert now.version >= told[0].version
        happened = occurrences("main", before, now, date(2026, 3, 31))
        assert [type(o.data).__name__ for o in happened] == [
            "InvoicePosted", "InvoiceOverdue", "PaymentReceived",
        ]  # fmt: skip

    async def test_a_credit_settles_an_invoice_without_a_payment(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """NetSuite counts it as paid; nobody has received money."""
        invoice = billed(simulator)
        before = await events.read((await self.about(events, invoice))[-1])
        simulator.moved_seconds += 2
        simulator.clerk.credit(invoice)

        told = [e for e in await self.about(events, invoice) if "creditmemo" in e.event_id]
        now = await events.read(told[-1])

        assert isinstance(now, InvoiceFacts)
        assert now.status is InvoiceStatus.PAID
        assert (now.paid, now.remaining) == (usd("0"), usd("0"))
        happened = occurrences("main", before, now, date(2026, 3, 31))
        assert "PaymentReceived" not in [type(o.data).__name__ for o in happened]

    async def test_a_payment_of_two_invoices_is_two_hints(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Each under an id of its own, also where a page ends between them."""
        first, second = billed(simulator, 1), billed(simulator, 2)
        simulator.moved_seconds += 2
        lines = [{"doc": {"id": i}, "amount": 10} for i in (first, second)]
        simulator.books.save(
            "customerPayment",
            None,
            {"customer": {"externalId": "0015g00000Globex"}, "apply": {"items": lines}},
        )

        found, _, _ = await self.told(events, self.beginning(events))

        paid = [e for e in found if "customerpayment" in e.event_id]
        assert {e.subject for e in paid} == {first, second}
        assert len({e.event_id for e in found}) == len(found)

    async def test_an_order_is_a_contract_whose_terms_have_a_digest(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Billing it changes nothing that was agreed; another amount does."""
        subject = order(simulator, 1)
        hint = (await self.about(events, subject))[-1]
        agreed = await events.read(hint)
        billed(simulator, 1)
        delivered = await events.read(hint)
        order(simulator, 1, amount=9000)
        amended = await events.read(hint)

        assert isinstance(agreed, ContractFacts)
        assert isinstance(delivered, ContractFacts)
        assert isinstance(amended, ContractFacts)
        assert (agreed.status, agreed.opportunity_id) == ("active", "0065g00000Glo1")
        assert agreed.account_id == "0015g00000Globex"
        assert delivered.terms_digest == agreed.terms_digest
        assert amended.terms_digest != agreed.terms_digest
        assert agreed.value == delivered.value != amended.value == Money.of("9000", "USD")

    @pytest.mark.parametrize(
        "agreed",
        [
            {"item": {"items": [{"line": 1, "revRecEndDate": "2027-06-30"}]}},
            {"endDate": "2027-06-30"},
            {"custbody_tieline_co_term": "2026-12-31"},
            {"custbody_tieline_notice_days": 60},
            {"custbody_tieline_auto_renews": True},
        ],
        ids=lambda body: next(iter(body)),
    )
    async def test_another_end_is_an_amendment(
        self, events: EventsPort, simulator: NetSuiteSimulator, agreed: dict[str, Any]
    ) -> None:
        """Nothing else would move the clock of the contract's renewal."""
        subject = order(simulator, 1)
        hint = (await self.about(events, subject))[-1]
        before = await events.read(hint)
        held = simulator.records.get("salesOrder", subject)
        simulator.books.save("salesOrder", held, agreed)
        after = await events.read(hint)

        assert isinstance(before, ContractFacts)
        assert isinstance(after, ContractFacts)
        assert before.terms_digest != after.terms_digest

    async def test_external_ids_of_somebody_else_are_no_ids_of_ours(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """A record without our key may carry any system's id."""
        invoice = billed(simulator)
        customer = simulator.records.find("customer", "eid:0015g00000Globex")
        assert customer is not None
        simulator.books.save("customer", customer, {"custentity_tieline_key": None})

        found = await events.read((await self.about(events, invoice))[-1])

        assert (found.account_id, found.opportunity_id) == ("", "0065g00000Glo1")

    async def test_the_webhook_and_the_poll_name_a_change_alike(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Same id, same version, same subject: the inbox keeps one of them."""
        invoice = billed(simulator)
        simulator.clerk.pay(invoice)
        polled, _, _ = await self.told(events, self.beginning(events))
        now = datetime.now(UTC)

        sent = [
            verify(m.body, m.headers(now), [SECRET], now, Environment.TEST, "main")
            for m in simulator.books.outbox.drain(SECRET)
        ]

        by_id = {event.event_id: event for event in polled}
        assert {event.event_id for event in sent} == set(by_id)
        for event in sent:
            twin = by_id[event.event_id]
            assert (event.kind, event.subject, event.version) == (
                twin.kind, twin.subject, twin.version,
            )  # fmt: skip

    async def test_a_second_that_is_not_over_is_told_later(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Two changes of one second have one stamp: the hint waits until both are in."""
        simulator.moved_seconds = 0
        subject = order(simulator, 1)

        early, cursor, _ = await self.told(events, self.beginning(events))
        held = simulator.records.get("salesOrder", subject)
        held["lastModifiedDate"] = feed.stamp_of(datetime.now(UTC) - timedelta(seconds=5))
        simulator.records.changed["salesOrder", subject] = None
        later, _, _ = await self.told(events, cursor)

        assert early == []
        assert [event.subject for event in later] == [subject]

    async def test_what_becomes_visible_late_is_still_told(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """A long save is stamped before others that were visible earlier."""
        late = order(simulator, 1)
        stamp = simulator.records.get("salesOrder", late)["lastModifiedDate"]
        hidden = simulator.records.tables["salesOrder"].pop(late)
        simulator.moved_seconds += 10
        order(simulator, 2)
        _, cursor, read_up_to = await self.told(events, self.beginning(events))
        simulator.records.tables["salesOrder"][late] = hidden
        simulator.records.changed["salesOrder", late] = None

        found, _, _ = await self.told(events, cursor)

        assert late in {event.subject for event in found}
        assert read_up_to < datetime.fromisoformat(stamp)

    async def test_moments_are_asked_for_in_utc(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """The account shows its own zone and a date without time to whoever does not ask."""
        subject = order(simulator, 1)
        record = simulator.records.get("salesOrder", subject)

        (event,) = await self.about(events, subject)
        raw, _ = simulator.suiteql.query(
            f"SELECT lastmodifieddate FROM transaction WHERE id = {subject}", 10, 0
        )

        assert event.version == record["lastModifiedDate"]
        assert raw[0]["lastmodifieddate"].count("/") == 2

    async def test_a_backfill_tells_the_window_alone_under_the_same_ids(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """At a priority below that of what happens now."""
        order(simulator, 1)
        simulator.moved_seconds += 2
        middle = datetime.fromtimestamp(simulator.now(), UTC)
        inside = order(simulator, 2)
        polled, _, _ = await self.told(events, self.beginning(events))

        found = [e async for e in events.backfill(self.stream, middle, middle + LONG_AGO)]

        assert [e.subject for e in found] == [inside]
        assert found[0].event_id in {e.event_id for e in polled}
        assert found[0].channel is Channel.BACKFILL
        assert found[0].priority > polled[0].priority

    @pytest.mark.parametrize("cursor", ["", "[]", '["yesterday",1,0,true]', "{", "[1,2,3,4]"])
    async def test_a_cursor_of_another_making_is_expired(
        self, events: EventsPort, cursor: str
    ) -> None:
        """So that the gap is backfilled, not a page silently empty."""
        with pytest.raises(CursorExpired):
            await events.changes(self.stream, cursor)

    async def test_an_invoice_that_was_deleted_is_not_found(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Its hint is for the dead letters."""
        invoice = billed(simulator)
        (*_, hint) = await self.about(events, invoice)
        simulator.books.delete("invoice", simulator.records.get("invoice", invoice))

        with pytest.raises(NotFound):
            await events.read(hint)

    @pytest.mark.parametrize("subject", ["1 OR 1=1", "-1", "", "eid:so-1"])
    async def test_a_subject_that_is_no_internal_id_never_reaches_a_query(
        self, events: EventsPort, simulator: NetSuiteSimulator, subject: str
    ) -> None:
        """SuiteQL knows no parameters."""
        hint = InboundEvent(
            source="main", event_id="x", type="record.changed", kind=Kind.INVOICE,
            subject=subject, environment=Environment.TEST, body=b"{}",
            received_at=datetime.now(UTC),
        )  # fmt: skip

        with pytest.raises(Malformed):
            await events.read(hint)

        assert not simulator.log


class TestOverdueInvoices(NetSuiteContract):
    """The feed of what time alone does to invoices keeps the same contract."""

    stream = "overdue"
    reach = timedelta(days=60)
    identifying = "due"

    def of_stream(self, lines: list[InboxLine]) -> list[InboxLine]:
        return [line for line in lines if line.type == "record.overdue"]

    async def change(self, simulator: NetSuiteSimulator, number: int) -> str:
        """An invoice that fell overdue; the next time its due date is moved, to a later one."""
        if not hasattr(simulator, "dues"):
            simulator.dues = itertools.count(-50)  # type: ignore[attr-defined]
        due = days(next(simulator.dues))  # type: ignore[attr-defined]
        held = simulator.records.find("salesOrder", f"eid:so-0065g00000Glo{number}")
        if held is None:
            order(simulator, number)
            return simulator.clerk.invoice(f"eid:so-0065g00000Glo{number}", dueDate=due)
        simulator.moved_seconds += 2
        (invoice,) = [
            one for one in simulator.records.tables["invoice"].values()
            if one["createdFrom"]["id"] == held["id"]
        ]  # fmt: skip
        return str(simulator.books.save("invoice", invoice, {"dueDate": due})["id"])

    async def test_an_overdue_invoice_is_told_once_by_its_due_date(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """The id follows from invoice and due date, so that polls and backfills are one event."""
        invoice = owed(simulator, due=-3)

        (event,) = await self.about(events, invoice)
        now = datetime.now(UTC)
        again = [e async for e in events.backfill("overdue", now - timedelta(days=10), now)]

        assert event.event_id == f"ns:invoice:{invoice}:overdue:{days(-3)}"
        assert [e.event_id for e in again] == [event.event_id]
        assert event.kind == Kind.INVOICE
        assert event.occurred_at is not None
        assert event.occurred_at.date().isoformat() == days(-3)

    async def test_it_makes_the_invoice_overdue_when_it_is_read_and_once_only(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """The record has not changed since it was posted: the day has."""
        invoice = owed(simulator, due=-3)
        (event,) = await self.about(events, invoice)
        before = await events.read(event)
        simulator.clerk.pay(invoice, 100.0)
        after = await events.read(event)

        when_due = date.fromisoformat(days(-3))
        young = before.model_copy(update={"past_due": False})
        earlier = occurrences("main", None, young, when_due)
        first = occurrences("main", before, before, when_due + timedelta(days=1))
        second = occurrences("main", before, after, when_due + timedelta(days=2))

        assert before.version == event.version
        assert (before.past_due, after.past_due) == (True, True)
        assert [type(one.data) for one in earlier] == [InvoicePosted]
        told = [o.once for o in first + second if isinstance(o.data, InvoiceOverdue)]
        assert told == [days(-3), days(-3)]

    async def test_a_payment_counts_as_a_change_of_the_version(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Else the hint would look older than what is known, and be put aside unread."""
        invoice = owed(simulator, due=-3)
        simulator.moved_seconds += 5
        payment = simulator.clerk.pay(invoice, 100.0)
        stamp = simulator.records.get("customerPayment", payment)["lastModifiedDate"]
        held = simulator.records.get("invoice", invoice)
        held["lastModifiedDate"] = held["createdDate"]  # some accounts do not stamp it anew
        simulator.records.changed["invoice", invoice] = None

        (event,) = await self.about(events, invoice)

        assert event.version == stamp
        assert (await events.read(event)).version == stamp

    @pytest.mark.parametrize("what", ["paid", "credited", "void", "not due"])
    async def test_what_is_not_owed_any_more_or_not_yet_is_not_told(
        self, events: EventsPort, simulator: NetSuiteSimulator, what: str
    ) -> None:
        """Only what is open after its due date."""
        invoice = owed(simulator, due=3 if what == "not due" else -3)
        settle = {
            "paid": simulator.clerk.pay, "credited": simulator.clerk.credit,
            "void": simulator.clerk.void, "not due": str,
        }  # fmt: skip
        settle[what](invoice)

        assert await self.about(events, invoice) == []

    async def test_an_invoice_falls_overdue_as_the_accounts_clock_goes_on(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Due in ten days, unpaid in twelve."""
        invoice = owed(simulator, due=10)
        early, cursor, _ = await self.told(events, self.beginning(events))
        simulator.advance(12 * 86_400)

        late, _, read_up_to = await self.told(events, cursor)

        assert early == []
        assert [event.subject for event in late] == [invoice]
        accounts_own = datetime.fromtimestamp(simulator.now(), UTC)
        assert abs(accounts_own - read_up_to) < timedelta(minutes=1)

    async def test_what_the_account_calls_overdue_is_told_whatever_our_own_clock_says(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """Due in ten days by ours; by the account's, two days ago."""
        invoice = owed(simulator, due=10)
        _, cursor, _ = await self.told(events, self.beginning(events))
        simulator.advance(12 * 86_400)
        (event,), _, _ = await self.told(events, cursor)

        read = await events.read(event)

        assert read.id == invoice
        told = [type(one.data) for one in occurrences("main", None, read, date.today())]
        assert told == [InvoicePosted, InvoiceOverdue]

    @pytest.mark.parametrize(("due", "past"), [(-2, True), (2, False)])
    async def test_whether_an_invoice_is_past_due_is_the_accounts_own_word(
        self, events: EventsPort, simulator: NetSuiteSimulator, due: int, past: bool
    ) -> None:
        """By the date of its server, which is that of Pacific time."""
        invoice = owed(simulator, due=due)
        hint = InboundEvent(
            source="main", event_id="1", type="record.changed", kind=Kind.INVOICE,
            subject=invoice, environment=Environment.TEST, body=b"{}",
            received_at=datetime.now(UTC),
        )  # fmt: skip

        read = await events.read(hint)

        assert isinstance(read, InvoiceFacts)
        assert read.past_due is past

    async def test_a_change_after_the_window_leaves_a_count_complete(
        self, events: EventsPort, simulator: NetSuiteSimulator
    ) -> None:
        """The other feed tells of that change; here the invoice counts by its presence."""
        invoice = owed(simulator, due=-3)
        end = datetime.fromtimestamp(simulator.now() - 3600, UTC)

        census = await events.census("overdue", end - timedelta(days=9), end)

        assert census == {invoice: ""}

    @pytest.mark.parametrize("cursor", ["", "[]", '["soon",1]', "{", "[1,2]", '["2026-01-01","x"]'])
    async def test_a_cursor_of_another_making_is_expired(
        self, events: EventsPort, cursor: str
    ) -> None:
        """So that the gap is backfilled, not a page silently empty."""
        with pytest.raises(CursorExpired):
            await events.changes("overdue", cursor)


def days(count: int) -> str:
    """So many days from today, as NetSuite writes a date."""
    return (datetime.now(UTC).date() + timedelta(days=count)).isoformat()


def owed(simulator: NetSuiteSimulator, due: int) -> str:
    """Globex's invoice, due so many days from today."""
    order(simulator, 1)
    return simulator.clerk.invoice("eid:so-0065g00000Glo1", dueDate=days(due))


def order(simulator: NetSuiteSimulator, number: int, amount: float = 12000.10, **more: Any) -> str:
    """Globex's order, as we write it, two seconds after whatever was before."""
    simulator.moved_seconds += 2
    save = simulator.books.save
    if simulator.records.find("customer", "eid:0015g00000Globex") is None:
        save("customer", None, {
            "externalId": "0015g00000Globex", "companyName": "Globex",
            "subsidiary": {"id": "1"}, "currency": {"id": "1"}, "terms": {"id": "3"},
            "custentity_tieline_key": "customer/0015g00000Globex",
        })  # fmt: skip
    external_id = f"so-0065g00000Glo{number}"
    line = {"item": {"externalId": "PLATFORM"}, "quantity": 1, "amount": amount}
    body = {
        "externalId": external_id, "entity": {"externalId": "0015g00000Globex"},
        "tranDate": "2026-03-01", "item": {"items": [line]},
        "custbody_tieline_key": f"order/{number}", **more,
    }  # fmt: skip
    held = simulator.records.find("salesOrder", f"eid:{external_id}")
    return str(save("salesOrder", held, body, replace={"item"})["id"])


def billed(simulator: NetSuiteSimulator, number: int = 1) -> str:
    """An invoice of Globex's order, net 30."""
    order(simulator, number)
    simulator.moved_seconds += 2
    return simulator.clerk.invoice(f"eid:so-0065g00000Glo{number}", tranDate="2026-03-31")
