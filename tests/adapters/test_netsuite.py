"""The NetSuite adapter over real HTTP, against the stand-in of SuiteTalk REST."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from adapters.netsuite import NetSuiteErp
from canonical.connections import Connection, Environment, Role
from canonical.errors import (
    Busy,
    CreditHold,
    DuplicateRecord,
    Malformed,
    Misconfigured,
    PeriodClosed,
    Rejected,
    Unauthorized,
)
from canonical.plan import SalesOrderSpec
from simulators.netsuite import NetSuiteSimulator
from tests.adapters.contracts.erp import (
    GLOBEX_CUSTOMER,
    GLOBEX_ORDER,
    ORDER_STAMP,
    ErpContract,
)
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, TokenContract, stamp
from tests.adapters.contracts.receivables import ACCOUNT, days

ITEMS = [
    {"externalId": "PLATFORM", "displayName": "Platform", "revRecRule": "straight-line"},
    {"externalId": "GOLIVE", "displayName": "Go-live", "revRecRule": "milestone"},
]
OPTIONS = {
    "client_id": "tieline", "certificate_id": "cert-1", "algorithm": "ES256",
    "subsidiary.Acme Inc": "1", "currency.USD": "1", "terms": "4",
    "disputed_field": "custbody_tieline_disputed",
}  # fmt: skip
DAY_SECONDS = 86_400
CURRENCIES = {"USD": "1", "EUR": "2"}


@lru_cache
def signing_key(kind: str) -> RSAKey | ECKey:
    """A key pair, made once for all tests."""
    return ECKey.generate_key("P-256") if kind == "ES256" else RSAKey.generate_key(2048)


class TestNetSuiteErp(TokenContract, ErpContract):
    """NetSuite keeps the ERP contract, and says no in our words."""

    write_path = "/record/v1/salesOrder/"
    write_method = "PUT"
    algorithm = "ES256"
    absent_contract = "99999997"

    @pytest.fixture
    def simulator(self) -> NetSuiteSimulator:
        pem = signing_key(self.algorithm).as_pem(private=False).decode()
        return NetSuiteSimulator(
            items=ITEMS,
            certificates={"cert-1": {"client_id": "tieline", "public_key_pem": pem}},
            closed_periods=["2026-01"],
        )

    @pytest.fixture
    def connection(self, url: str, tmp_path: Path) -> Connection:
        key = tmp_path / "netsuite.pem"
        key.write_bytes(signing_key(self.algorithm).as_pem(private=True))
        return Connection(
            name="netsuite-us",
            role=Role.ERP,
            vendor="netsuite",
            base_url=url,
            environment=Environment.TEST,
            secrets={"private_key": f"file:{key}"},
            options={**OPTIONS, "algorithm": self.algorithm},
        )

    def adapter(self, connection: Connection) -> NetSuiteErp:
        return NetSuiteErp.from_connection(connection)

    async def issue(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator, account: str = ACCOUNT, *,
        amount: str = "1000.00", currency: str = "USD", posted: int = -30, due: int = 15,
    ) -> str:  # fmt: skip
        if await port.find_customer(account) is None:
            spec = GLOBEX_CUSTOMER.model_copy(update={"account_id": account})
            await port.put_customer(spec, None, stamp(f"erp/customer/{account}"))
        # The month that is closed for orders is open for whatever day today is.
        simulator.periods[f"{days(posted):%Y-%m}"]["closed"] = False
        held, simulator.moved_seconds = simulator.moved_seconds, posted * DAY_SECONDS
        made = simulator.books.save("invoice", None, {
            "entity": {"externalId": account}, "tranDate": days(posted).isoformat(),
            "dueDate": days(due).isoformat(), "currency": {"id": CURRENCIES[currency]},
            "item": {"items": [{"item": {"externalId": "PLATFORM"}, "amount": float(amount)}]},
        })  # fmt: skip
        simulator.moved_seconds = held
        return str(made["id"])

    def pay(self, simulator: NetSuiteSimulator, invoice: str, amount: str = "") -> None:
        simulator.clerk.pay(invoice, float(amount) if amount else None)

    def credit(self, simulator: NetSuiteSimulator, invoice: str, amount: str) -> None:
        simulator.clerk.credit(invoice, float(amount))

    def dispute(self, simulator: NetSuiteSimulator, invoice: str, *, settled: bool = False) -> None:
        simulator.clerk.dispute(invoice, not settled)

    def void(self, simulator: NetSuiteSimulator, invoice: str) -> None:
        simulator.clerk.void(invoice)

    async def test_an_account_costs_two_queries_however_many_invoices_it_has(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """One for the invoices and one for what settled them."""
        for posted in (-90, -60, -30):
            self.pay(simulator, await self.issue(port, simulator, posted=posted))
        simulator.log.clear()

        await self.owed(port)

        assert [call["path"] for call in simulator.log if "suiteql" in call["path"]] == [
            "/services/rest/query/v1/suiteql"
        ] * 2

    async def test_without_the_field_of_the_account_nothing_is_disputed(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator, connection: Connection
    ) -> None:
        """NetSuite refuses a query for a field that it does not have, so it has to be named."""
        self.dispute(simulator, await self.issue(port, simulator))
        options = {k: v for k, v in connection.options.items() if k != "disputed_field"}
        bare = self.adapter(connection.model_copy(update={"options": options}))

        (invoice,) = await self.owed(bare)

        assert not invoice.disputed
        assert "disputed" not in simulator.log[-1]["body"]
        await bare.aclose()

    @pytest.mark.parametrize("name", ["disputed", "custbody_x FROM t--", "custbody_", "CUSTBODY_X"])
    def test_a_field_that_is_none_never_reaches_a_query(
        self, connection: Connection, name: str
    ) -> None:
        """It is refused when the connection is built."""
        options = {**connection.options, "disputed_field": name}

        with pytest.raises(Misconfigured):
            NetSuiteErp.from_connection(connection.model_copy(update={"options": options}))

    async def test_an_account_of_somebody_elses_making_is_not_ours(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """An external id counts only on a customer that carries our key."""
        await self.issue(port, simulator)
        held = simulator.records.get("customer", f"eid:{ACCOUNT}")
        simulator.books.save("customer", held, {"custentity_tieline_key": None})

        assert await self.owed(port) == []

    async def test_an_account_id_that_cannot_be_one_never_reaches_a_query(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """SuiteQL knows no parameters."""
        with pytest.raises(Malformed):
            await port.invoices("' OR 1=1 --", days(-30))

        assert not simulator.log

    async def test_what_was_agreed_of_the_end_is_read_from_the_orders_own_fields(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """Notice, co-term and automatic renewal, where the account declares such fields."""
        await self.customer(port)
        booked = await self.book(port)
        held = simulator.records.get("salesOrder", booked.id)
        simulator.books.save("salesOrder", held, {
            "custbody_tieline_notice_days": 90, "custbody_tieline_co_term": "2027-06-30",
            "custbody_tieline_auto_renews": True,
        })  # fmt: skip

        terms = await port.contract(booked.id)

        assert (terms.notice_days, terms.co_term_on) == (90, days(0).replace(2027, 6, 30))
        assert terms.auto_renews

    async def test_an_order_whose_lines_have_no_dates_is_dated_by_its_own(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """As orders are that nobody recognizes revenue of."""
        await self.customer(port)
        booked = await self.book(port)
        held = simulator.records.get("salesOrder", booked.id)
        for line in held["item"]:
            line.pop("revRecStartDate", None)
            line.pop("revRecEndDate", None)
        held.update(startDate="2026-05-01", endDate="2027-04-30")

        terms = await port.contract(booked.id)

        assert str(terms.starts_on) == "2026-05-01"
        assert str(terms.ends_on) == "2027-04-30"

    async def test_every_write_asks_for_strict_validation(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """Without the headers NetSuite drops misspelt fields and reports success."""
        await self.customer(port)
        await port.close_sales_order(await self.book(port), ORDER_STAMP)

        writes = [call for call in simulator.log if call["method"] in ("PUT", "PATCH")]
        assert len(writes) == 3
        for call in writes:
            assert call["headers"]["x-netsuite-propertynamevalidation"] == "Error"
            assert call["headers"]["x-netsuite-propertyvaluevalidation"] == "Error"

    async def test_amounts_travel_as_exact_decimals(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """12,000.10 leaves as the number 12000.10, never as a float's neighbour."""
        await self.customer(port)
        await self.book(port)

        sent = next(call for call in simulator.log if "/salesOrder/" in call["path"])
        assert '"amount":12000.10,' in sent["body"]

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            ("The customer is on credit hold.", CreditHold),
            ("You cannot post to a closed period.", PeriodClosed),
            ("Please enter value(s) for: Location", Rejected),
        ],
    )
    async def test_a_business_refusal_is_told_apart_by_its_text(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator, message: str, error: type[Rejected]
    ) -> None:
        """USER_ERROR is the code of every rule; the text says which."""
        await self.customer(port)
        self.arm(simulator, "reject", status=400, code="USER_ERROR", message=message)

        with pytest.raises(error) as caught:
            await self.book(port)

        assert type(caught.value) is error
        assert caught.value.details["code"].startswith("USER_ERROR")

    async def test_an_order_dated_into_a_closed_period_is_refused(self, port: NetSuiteErp) -> None:
        """The period's own refusal, not an injected one."""
        await self.customer(port)
        january = GLOBEX_ORDER.model_copy(
            update={"ordered_on": GLOBEX_ORDER.ordered_on.replace(month=1)}
        )

        with pytest.raises(PeriodClosed):
            await self.book(port, january)

    async def test_an_item_the_account_does_not_have_is_named(self, port: NetSuiteErp) -> None:
        """A missing item is set-up work with one remedy for all deals that sell it."""
        await self.customer(port)
        lines = [GLOBEX_ORDER.lines[0].model_copy(update={"item": "GTXPRO"})]
        order = SalesOrderSpec(
            **GLOBEX_ORDER.model_dump(exclude={"lines", "total"}),
            lines=lines,
            total=lines[0].amount,
        )

        with pytest.raises(Misconfigured) as caught:
            await self.book(port, order)

        assert caught.value.cause_key == "Misconfigured:GTXPRO"

    async def test_a_record_changed_meanwhile_is_busy(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """Asking again is enough."""
        await self.customer(port)
        self.arm(simulator, "reject", status=409, code="RCRD_HAS_BEEN_CHANGED")

        with pytest.raises(Busy):
            await self.book(port)

    async def test_an_unknown_property_is_our_fault(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """A field that the account lacks needs a change of code or account."""
        await self.customer(port)
        self.arm(simulator, "reject", status=400, code="INVALID_PROPERTY", message="custbody_x")

        with pytest.raises(Malformed):
            await self.book(port)

    async def test_an_order_of_another_key_is_never_taken_for_ours(self, port: NetSuiteErp) -> None:
        """A record under our external id that carries another key needs a person."""
        await self.customer(port)
        await self.book(port)

        with pytest.raises(DuplicateRecord):
            await port.find_sales_order(GLOBEX_DEAL, stamp("other-erp/sales_order/1"))

    async def test_an_entity_without_a_subsidiary_is_named(
        self, port: NetSuiteErp, connection: Connection
    ) -> None:
        """The option that is missing is what the error is about."""
        options = {k: v for k, v in connection.options.items() if not k.startswith("subsidiary")}
        bare = self.adapter(connection.model_copy(update={"options": options}))

        with pytest.raises(Misconfigured) as caught:
            await self.customer(bare)

        assert caught.value.about == "subsidiary.Acme Inc"
        await bare.aclose()

    async def test_a_key_of_another_certificate_is_unauthorized(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        """A refused client assertion is for a person, and shows nothing of the key."""
        other = tmp_path / "other.pem"
        other.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
        stranger = self.adapter(
            connection.model_copy(update={"secrets": {"private_key": f"file:{other}"}})
        )

        with pytest.raises(Unauthorized) as caught:
            await stranger.check()

        assert "PRIVATE" not in str(caught.value)
        await stranger.aclose()

    async def test_a_wrong_address_is_not_taken_for_an_absent_record(
        self, port: NetSuiteErp, simulator: NetSuiteSimulator
    ) -> None:
        """Only NetSuite's own NONEXISTENT_ID proves absence; any other 404 does not."""
        await port.check()
        simulator.faults.arm(kind="reject", status=404, code="NOT_FOUND", path="/customer/")

        with pytest.raises(Malformed):
            await port.find_customer(GLOBEX)


class TestNetSuiteWithRsa:
    """The other algorithm that NetSuite takes."""

    algorithm = "PS256"
    simulator = TestNetSuiteErp.simulator
    connection = TestNetSuiteErp.connection
    url = ErpContract.url

    async def test_an_rsa_key_signs_with_pss(self, connection: Connection) -> None:
        """RS256 is refused by NetSuite, PS256 is not."""
        port: Any = NetSuiteErp.from_connection(connection)

        assert await port.check() == "NetSuite answers SuiteQL: 1 subsidiaries"

        await port.aclose()

    def test_rs256_is_refused_before_anything_is_sent(self, connection: Connection) -> None:
        """A wrong algorithm is found when the connection is built."""
        options = {**connection.options, "algorithm": "RS256"}

        with pytest.raises(Misconfigured):
            NetSuiteErp.from_connection(connection.model_copy(update={"options": options}))
