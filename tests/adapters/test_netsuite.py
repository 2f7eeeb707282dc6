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
from tests.adapters.contracts.erp import GLOBEX_ORDER, ORDER_STAMP, ErpContract
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, TokenContract, stamp

ITEMS = [
    {"externalId": "PLATFORM", "displayName": "Platform", "revRecRule": "straight-line"},
    {"externalId": "GOLIVE", "displayName": "Go-live", "revRecRule": "milestone"},
]
OPTIONS = {
    "client_id": "tieline", "certificate_id": "cert-1", "algorithm": "ES256",
    "subsidiary.Acme Inc": "1", "currency.USD": "1", "terms": "4",
}  # fmt: skip


@lru_cache
def signing_key(kind: str) -> RSAKey | ECKey:
    """A key pair, made once for all tests."""
    return ECKey.generate_key("P-256") if kind == "ES256" else RSAKey.generate_key(2048)


class TestNetSuiteErp(TokenContract, ErpContract):
    """NetSuite keeps the ERP contract, and says no in our words."""

    write_path = "/record/v1/salesOrder/"
    write_method = "PUT"
    algorithm = "ES256"

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
