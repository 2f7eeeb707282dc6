"""Stripe as billing, against the simulated account over real HTTP."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.stripe import StripeBilling
from canonical.connections import Connection, Environment
from canonical.effects import Stamp
from canonical.errors import (
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Rejected,
    UnsupportedTerms,
)
from canonical.facts import InvoiceStatus
from canonical.money import Money
from canonical.plan import OneTimeItem, Phase
from canonical.ports import Booking
from simulators.stripe import StripeSimulator, invoices, subscriptions
from simulators.stripe.store import Call
from tests.adapters.contracts.billing import (
    GLOBEX,
    TODAY,
    BillingPortContract,
    ramp,
    seats,
    subscription,
)
from tests.adapters.contracts.port import stamp
from tests.adapters.contracts.receivables import ACCOUNT, days, usd

KEY = "sk_test_canary4711"
DAY_SECONDS = 86_400
CANCEL_AT = str(int(datetime(2031, 7, 1, tzinfo=UTC).timestamp()))


class TestStripeBilling(BillingPortContract):
    """The billing suite on Stripe."""

    write_method = "POST"
    write_path = "/v1/subscriptions$"
    absent_contract = "sub_1Nobody"

    @pytest.fixture
    def simulator(self) -> StripeSimulator:
        return StripeSimulator(api_keys=(KEY,))

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setenv("STRIPE_KEY", KEY)
        return Connection(
            name="billing",
            role="billing",
            vendor="stripe",
            base_url=url,
            secrets={"api_key": "env:STRIPE_KEY"},
        )

    def adapter(self, connection: Connection) -> StripeBilling:
        return StripeBilling.from_connection(connection)

    def put_products(self, simulator: StripeSimulator) -> None:
        simulator.products = [{"id": n, "name": n} for n in ("prod_basic", "prod_setup")]
        simulator.reset()

    async def issue(
        self, port: StripeBilling, simulator: StripeSimulator, account: str = ACCOUNT, *,
        amount: str = "1000.00", currency: str = "USD", posted: int = -30, due: int = 15,
        **more: str,
    ) -> str:  # fmt: skip
        ref = await port.find_customer(account)
        if ref is None:
            spec = GLOBEX.model_copy(update={"account_id": account})
            ref = await port.put_customer(spec, None, stamp(f"customer/{account}"))
        held, simulator.advanced_seconds = simulator.advanced_seconds, posted * DAY_SECONDS
        item = {"customer": ref.id, "currency": currency.lower(),
                "amount": str(Money.of(amount, currency).amount_minor)}  # fmt: skip
        invoices.create_item(simulator.account, Call((), item))
        given = {"customer": ref.id, "currency": currency.lower(),
                 "pending_invoice_items_behavior": "include"}  # fmt: skip
        how = more or {"collection_method": "send_invoice", "days_until_due": str(due - posted)}
        draft = invoices.create(simulator.account, Call((), given | how))
        made = invoices.finalize(simulator.account, Call((), {}), draft)
        simulator.advanced_seconds = held
        return str(made["id"])

    def pay(self, simulator: StripeSimulator, invoice: str, amount: str = "") -> None:
        part = {"amount": Money.of(amount, "USD").amount_minor} if amount else {}
        simulator.happen(invoice, "pay", **part)

    def credit(self, simulator: StripeSimulator, invoice: str, amount: str) -> None:
        simulator.happen(invoice, "credit", amount=Money.of(amount, "USD").amount_minor)

    def dispute(self, simulator: StripeSimulator, invoice: str, *, settled: bool = False) -> None:
        simulator.happen(invoice, "dispute", status="won" if settled else "needs_response")

    def void(self, simulator: StripeSimulator, invoice: str) -> None:
        simulator.happen(invoice, "void")

    async def test_a_charge_that_failed_makes_its_invoice_due_on_the_day_it_was_final(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """An invoice that is charged and not sent has no due date of its own."""
        charged = await self.issue(
            port, simulator, posted=-20, collection_method="charge_automatically"
        )
        (untried,) = await self.owed(port)
        simulator.happen(charged, "fail")
        (failed,) = await self.owed(port)

        assert (untried.due_on, failed.due_on) == (None, days(-20))
        assert failed.remaining == usd("1000.00")
        assert (untried.failed_payments, failed.failed_payments) == (0, 1)

    async def test_a_draft_is_left_out_and_a_debt_given_up_is_not(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """However old the debt is."""
        lost = await self.issue(port, simulator, posted=-300, due=-270)
        simulator.happen(lost, "uncollectible")
        await self.issue(port, simulator, posted=-5)
        invoices.create(
            simulator.account,
            Call((), {"customer": simulator.state()["customers"][0]["id"], "currency": "usd"}),
        )

        told = await self.owed(port, days(-30))

        assert [one.status for one in told] == [InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.OPEN]

    async def test_without_a_dispute_no_payment_is_read(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """Customer, invoices and disputes: three requests, however many invoices are paid and
        however many customers there are, once search knows the customer."""
        for posted in (-90, -60, -30):
            self.pay(simulator, await self.issue(port, simulator, posted=posted))
        simulator.advance(61)
        simulator.log.clear()

        await self.owed(port)

        assert [call["path"] for call in simulator.log] == [
            "/v1/customers/search", "/v1/invoices", "/v1/disputes",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("changed", "expected"),
        [
            ({"cancel_at": CANCEL_AT}, (date(2031, 6, 30), None, None, False)),
            ({"metadata": {"tieline_notice_days": "60"}}, (None, 60, None, True)),
            ({"metadata": {"tieline_co_term_on": "2031-02-28"}},
             (None, None, date(2031, 2, 28), True)),
        ],
        ids=["cancelled at a date", "notice", "co-term"],
    )  # fmt: skip
    async def test_what_somebody_agreed_of_the_end_at_stripe_is_stated(
        self,
        port: StripeBilling,
        simulator: StripeSimulator,
        changed: dict[str, Any],
        expected: tuple[date | None, int | None, date | None, bool],
    ) -> None:
        """A cancellation at a date moves the end; metadata carry what Stripe has no field for."""
        await self.prepare(port)
        ref = await self.write(port)
        before = await port.contract(ref.id)
        subscriptions.update(simulator.account, Call((ref.id,), changed))

        terms = await port.contract(ref.id)

        ends_on, notice, co_term, renews = expected
        assert terms.ends_on == (ends_on or before.ends_on)
        assert (terms.notice_days, terms.co_term_on, terms.auto_renews) == (notice, co_term, renews)

    async def test_a_notice_that_is_no_number_is_malformed(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """A person has typed it, and nothing is guessed."""
        await self.prepare(port)
        ref = await self.write(port)
        wrong = {"metadata": {"tieline_notice_days": "two months"}}
        subscriptions.update(simulator.account, Call((ref.id,), wrong))

        with pytest.raises(Malformed, match=ref.id):
            await port.contract(ref.id)

    async def test_a_contract_whose_schedule_was_released_keeps_its_dates(
        self, port: StripeBilling
    ) -> None:
        """The months that were sold stand on the subscription too."""
        await self.prepare(port)
        spec = subscription(*ramp(TODAY))
        ref = await port.create_subscription(spec, self.customer.id, stamp("deal/1"))
        before = await port.contract(ref.id)
        await port._api.post(f"/v1/subscription_schedules/{ref.detail['schedule']}/release", {})

        after = await port.contract(ref.id)

        assert (after.starts_on, after.ends_on) == (before.starts_on, before.ends_on)

    async def test_a_stored_failure_is_overcome_under_a_second_key(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """Stripe replays a stored 500 for a day; absence is proven, then another key is used."""
        await self.prepare(port)
        token = stamp("deal/1").token
        self.arm(simulator, "error_before", status=500, code="api_error")
        with pytest.raises(OutcomeUnknown):
            await self.write(port)

        ref = await self.write(port)

        assert await self.probe(port) == ref
        keys = [e["headers"].get("idempotency-key") for e in simulator.log if "idempotency-key" in
                e["headers"] and e["path"] == "/v1/subscriptions"]  # fmt: skip
        assert keys == [token, token, f"{token}_2"]

    async def test_the_same_key_for_other_content_is_a_conflict(self, port: StripeBilling) -> None:
        """A key that was used for another request is a fault of ours, not to be retried."""
        await self.prepare(port)
        await self.write(port)
        other = subscription(Phase(starts_on=TODAY, months=12, items=[seats(13_000)]))

        with pytest.raises(Conflict):
            await port.create_subscription(other, self.customer.id, stamp("deal/1"))

    async def test_a_wrong_tax_id_is_rejected_by_name(self, port: StripeBilling) -> None:
        """A person has to correct the tax id at its source."""
        wrong = GLOBEX.model_copy(update={"tax_id": "??"})

        with pytest.raises(Rejected) as refused:
            await port.put_customer(wrong, None, stamp("customer"))

        assert refused.value.details["code"] == "tax_id_invalid"

    async def test_a_customer_that_was_deleted_is_not_found(self, port: StripeBilling) -> None:
        """An update of a customer who is no more asks for a person."""
        with pytest.raises(NotFound):
            await port.put_customer(GLOBEX, "cus_gone", stamp("customer"))

    async def test_requests_carry_version_key_and_stamp(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """What the vendor's record needs to be found again is on it (R144)."""
        await self.prepare(port)
        await self.write(port)

        sent = next(e for e in simulator.log if e["path"] == "/v1/subscriptions")
        assert sent["headers"]["stripe-version"] == "2026-10-28.endive"
        assert sent["headers"]["idempotency-key"] == stamp("deal/1").token
        (held,) = simulator.state()["subscriptions"]
        assert held["metadata"]["tieline_key"] == "deal/1"
        assert held["metadata"]["tieline_correlation"] == stamp().correlation_id
        assert held["metadata"]["tieline_opportunity"] == subscription().opportunity_id

    async def test_the_first_invoice_of_a_backdated_subscription_is_not_prorated(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """A contract that began forty days ago is billed for its whole first year."""
        await self.prepare(port)
        begun = Phase(starts_on=TODAY - timedelta(days=40), months=12, items=[seats(12_000)])

        await port.create_subscription(subscription(begun), self.customer.id, stamp("deal/1"))

        (invoice,) = simulator.state()["invoices"]
        assert invoice["total"] == 120_000

    async def test_a_released_schedule_still_counts_at_its_whole_value(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """A ramp stays a ramp in the books when somebody releases its schedule."""
        await self.prepare(port)
        spec = subscription(*ramp(TODAY))
        ref = await port.create_subscription(spec, self.customer.id, stamp("deal/1"))

        api = port._api
        await api.post(f"/v1/subscription_schedules/{ref.detail['schedule']}/release", {})

        (booking,) = [r async for r in port.records() if isinstance(r, Booking)]
        assert (booking.id, booking.amount) == (ref.id, spec.total)
        await port.cancel_subscription(ref, stamp("deal/1"))
        assert await port.find_subscription(self.customer.id, stamp("deal/1")) is None

    async def test_an_undo_that_never_was_done_is_not_found(self, port: StripeBilling) -> None:
        """Cancelling what Stripe never had is worth a look."""
        ref = (await port.put_customer(GLOBEX, None, stamp())).model_copy(update={"id": "sub_no"})

        with pytest.raises(NotFound):
            await port.cancel_subscription(ref, Stamp(key="k", token="", correlation_id="tl-1"))

    async def test_many_charges_outgrow_one_metadata_value_but_not_the_subscription(
        self, port: StripeBilling
    ) -> None:
        """Fifteen milestones are spread over several values and all counted."""
        await self.prepare(port)
        spec = subscription(
            one_time=[
                OneTimeItem(line_id=f"00k5g00000{n:05}AAA", product="prod_setup", quantity=1,
                            unit_amount_minor=100 + n, milestone=f"Acceptance of site {n}")
                for n in range(15)
            ]
        )  # fmt: skip

        await port.create_subscription(spec, self.customer.id, stamp("deal/1"))

        (booking,) = [r async for r in port.records() if isinstance(r, Booking)]
        assert booking.amount == spec.total

    @pytest.mark.parametrize(
        ("currency", "unit", "invoiced"),
        [("JPY", 12_000, 120_000), ("ISK", 12_000, 12_000_000), ("MGA", 12_000, 1_200),
         ("KWD", 12_000, 120_000)],
    )  # fmt: skip
    async def test_money_is_written_as_stripe_counts_it_and_read_back_as_we_do(
        self, port: StripeBilling, simulator: StripeSimulator,
        currency: str, unit: int, invoiced: int,
    ) -> None:  # fmt: skip
        """Yen, kronas, ariary and dinars: what is billed is what was ordered, to the minor unit."""
        await self.prepare(port)
        go_live = OneTimeItem(line_id="00k5g00000Line2AAA", product="prod_setup", quantity=1,
                              unit_amount_minor=50_000, milestone="Go-live")  # fmt: skip
        phase = Phase(starts_on=TODAY, months=12, items=[seats(unit)])
        spec = subscription(phase, one_time=[go_live], currency=currency)

        await port.create_subscription(spec, self.customer.id, stamp("deal/1"))

        (invoice,) = simulator.state()["invoices"]
        assert (invoice["total"], invoice["currency"]) == (invoiced, currency.lower())
        (booking,) = [r async for r in port.records() if isinstance(r, Booking)]
        assert booking.amount == spec.total

    async def test_a_start_that_would_leave_an_interval_unbilled_is_refused(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """A yearly contract that began thirteen months ago needs a person's decision."""
        old = Phase(starts_on=TODAY - timedelta(days=400), months=24, items=[seats(12_000)])

        with pytest.raises(UnsupportedTerms, match="would not bill"):
            await port.create_subscription(subscription(old), "cus_1", stamp("deal/1"))

        assert not simulator.log

    async def test_more_than_twenty_items_are_refused_before_anything_is_sent(
        self, port: StripeBilling, simulator: StripeSimulator
    ) -> None:
        """Stripe's own limit, in words a person can act on."""
        phase = Phase(starts_on=TODAY, months=12, items=[seats(100 + n) for n in range(21)])

        with pytest.raises(UnsupportedTerms):
            await port.create_subscription(subscription(phase), "cus_1", stamp("deal/1"))

        assert not simulator.log

    async def test_the_key_appears_neither_in_logs_nor_in_errors(
        self, port: StripeBilling, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Debug logging and refusals show no credential."""
        caplog.set_level(logging.DEBUG)
        await self.prepare(port)
        with pytest.raises(NotFound) as refused:
            await port.create_subscription(subscription(), "cus_none", stamp("deal/1"))

        assert "vendor=stripe" in caplog.text
        shown = caplog.text + str(refused.value) + str(refused.value.details)
        assert "canary" not in shown


@pytest.mark.parametrize(
    ("key", "environment", "fits"),
    [
        ("sk_test_1", Environment.TEST, True),
        ("rk_live_1", Environment.LIVE, True),
        ("sk_live_1", Environment.TEST, False),
        ("rk_test_1", Environment.LIVE, False),
    ],
)
async def test_a_live_key_opens_no_test_connection(
    key: str, environment: Environment, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key's prefix and the connection's environment must agree, in both directions."""
    monkeypatch.setenv("STRIPE_KEY", key)
    connection = Connection(
        name="billing",
        role="billing",
        vendor="stripe",
        base_url="https://api.stripe.com",
        environment=environment,
        secrets={"api_key": "env:STRIPE_KEY"},
    )

    if fits:
        await StripeBilling.from_connection(connection).aclose()
    else:
        with pytest.raises(Misconfigured) as refused:
            StripeBilling.from_connection(connection)
        assert key not in str(refused.value)
