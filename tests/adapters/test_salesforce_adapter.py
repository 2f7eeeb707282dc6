"""Salesforce as a CRM, against the simulated org over real HTTP."""

from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from adapters.registry import connect
from adapters.salesforce import SalesforceCrm
from canonical.connections import Connection
from canonical.errors import RateLimited, Rejected, Unauthorized
from simulators.salesforce import SalesforceSimulator
from tests.adapters.contracts.crm import RENEWS_ON, CrmPortContract
from tests.adapters.contracts.port import TokenContract, stamp

CONSUMER_KEY = "3MVG9.tieline"
CLIENT_SECRET = "canary-client-secret-77"
USERNAME = "tieline@acme.example"

_KEY = rsa.generate_private_key(65537, 2048)
PRIVATE_PEM = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = (
    _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
)


def add_account(org: SalesforceSimulator, name: str, **fields: Any) -> str:
    """An account with an address in Berlin."""
    return org.add(
        "Account", Name=name, BillingCity="Berlin", BillingCountry="DE",
        BillingPostalCode="10115", BillingStreet="Invalidenstr. 1", **fields,
    )  # fmt: skip


def add_deal(org: SalesforceSimulator, account: str | None, amount: float = 1200.0) -> str:
    """A won deal over ten seats, closed on 2026-11-20."""
    product = org.add("Product2", Name="GTX Basic", ProductCode="GTX-BASIC", IsActive=True)
    deal = org.add(
        "Opportunity", Name="Globex expansion", AccountId=account, StageName="Closed Won",
        CloseDate="2026-11-20", Amount=amount, CurrencyIsoCode="USD", Term_Months__c=12.0,
        Contract_Start__c="2026-12-01", Support_Tier__c="Gold", PO_Number__c="PO-7",
    )  # fmt: skip
    org.add(
        "OpportunityLineItem", OpportunityId=deal, Product2Id=product, ProductCode="GTX-BASIC",
        Name="GTX Basic", Quantity=10.0, UnitPrice=120.0, TotalPrice=1200.0,
        ServiceDate="2026-12-01", Service_End_Date__c="2027-11-30", Charge_Type__c="Recurring",
    )  # fmt: skip
    return deal


class TestSalesforceCrm(TokenContract, CrmPortContract):
    """The CRM suite, authorized by a JWT."""

    write_method = "PATCH"
    write_path = "/sobjects/Opportunity/"

    @pytest.fixture
    def simulator(self) -> SalesforceSimulator:
        return SalesforceSimulator(
            connected_apps={
                CONSUMER_KEY: {
                    "secret": CLIENT_SECRET, "public_key_pem": PUBLIC_PEM, "username": USERNAME,
                }
            }
        )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SF_KEY", PRIVATE_PEM)
        monkeypatch.setenv("SF_SECRET", CLIENT_SECRET)

    @pytest.fixture
    def connection(self, url: str) -> Connection:
        return Connection(
            name="crm", role="crm", vendor="salesforce", base_url=url,
            secrets={"private_key": "env:SF_KEY"},
            options={"consumer_key": CONSUMER_KEY, "username": USERNAME},
        )  # fmt: skip

    def adapter(self, connection: Connection) -> SalesforceCrm:
        return SalesforceCrm.from_connection(connection)

    def win_globex(self, simulator: SalesforceSimulator, **changes: Any) -> str:
        holding = add_account(simulator, "Globex Holding")
        globex = add_account(simulator, "Globex GmbH", ParentId=holding)
        account = globex if changes.get("account", True) else None
        return add_deal(simulator, account, float(changes.get("amount", "1200")))

    def account(self, simulator: SalesforceSimulator, name: str, parent: str = "") -> str:
        return add_account(simulator, name, ParentId=parent or None)

    def merge(self, simulator: SalesforceSimulator, survivor: str, merged: str) -> None:
        simulator.merge(survivor, merged)

    def renewal(
        self, simulator: SalesforceSimulator, account: str, closes_on: date, **given: Any
    ) -> str:
        stages = {"won": "Closed Won", "lost": "Closed Lost"}
        return simulator.add(
            "Opportunity", Name="Globex renewal", AccountId=account, Amount=1100.0,
            CurrencyIsoCode="USD", CloseDate=closes_on.isoformat(),
            StageName=stages.get(given.get("stage", ""), "Negotiation"),
            Type=given.get("type", "Renewal"), Renews_Opportunity__c=given.get("of"),
            RecordTypeId=given.get("record_type"),
        )  # fmt: skip

    async def test_a_family_takes_a_call_a_level(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """Four levels up come with the account; each level down, and the end of it, is a call."""
        top = add_account(simulator, "Top")
        middle = add_account(simulator, "Middle", ParentId=top)
        for number in range(3):
            below = add_account(simulator, f"Below {number}", ParentId=middle)
            add_account(simulator, f"Bottom {number}", ParentId=below)

        family = await port.family(middle)

        assert len(family.accounts) == 8
        asked = [e for e in simulator.log if e["path"].startswith("/services/data")]
        assert len(asked) == 4

    async def test_a_level_of_more_accounts_than_a_query_names_is_asked_for_in_parts(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """Two hundred parents a query keep its address short enough."""
        top = add_account(simulator, "Top")
        for number in range(250):
            add_account(simulator, f"Below {number:03d}", ParentId=top)

        family = await port.family(top)

        assert len(family.subsidiaries) == 250
        asked = [e for e in simulator.log if e["path"].startswith("/services/data")]
        assert len(asked) == 4

    async def test_a_family_that_leads_back_to_itself_is_walked_once(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """Upwards and downwards, from anywhere in the circle."""
        first = above = add_account(simulator, "Level 0")
        for level in range(1, 9):
            above = add_account(simulator, f"Level {level}", ParentId=above)
        simulator.store.update("Account", first, {"ParentId": above})

        family = await port.family(first)

        assert sorted(a.name for a in family.accounts) == [f"Level {n}" for n in range(9)]
        assert len(family.subsidiaries) == 8

    async def test_a_family_too_deep_to_be_read_whole_is_for_a_person(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """A list cut short would hide a subsidiary that does not pay."""
        top = above = add_account(simulator, "Level 0")
        for level in range(1, 25):
            above = add_account(simulator, f"Level {level}", ParentId=above)

        with pytest.raises(Rejected):
            await port.family(top)

    async def test_a_renewal_may_be_told_by_its_record_type(
        self, connection: Connection, simulator: SalesforceSimulator
    ) -> None:
        """For orgs that tell deals apart that way."""
        kind = simulator.add("RecordType", Name="Renewal", DeveloperName="Renewal_Deal")
        options = {**connection.options, "renewal_record_type": "Renewal_Deal"}
        port = self.adapter(connection.model_copy(update={"options": options}))
        globex = (await port.fetch_order(self.deal)).account_id
        deal = self.renewal(simulator, globex, RENEWS_ON, type="Other", record_type=kind)

        told = await port.renewal_opportunity(globex, self.deal, RENEWS_ON)

        assert told.opportunity_id == deal
        await port.aclose()

    async def test_an_org_without_the_lookup_does_without(
        self, connection: Connection, simulator: SalesforceSimulator
    ) -> None:
        """An empty `renewal_lookup` asks for no field that is not there."""
        options = {**connection.options, "renewal_lookup": ""}
        port = self.adapter(connection.model_copy(update={"options": options}))
        globex = (await port.fetch_order(self.deal)).account_id
        deal = self.renewal(simulator, globex, RENEWS_ON)
        simulator.log.clear()

        told = await port.renewal_opportunity(globex, self.deal, RENEWS_ON)

        assert told.opportunity_id == deal
        assert "Renews_Opportunity__c" not in simulator.log[-1]["query"]
        await port.aclose()

    async def test_many_reasons_are_cut_and_still_found(self, port: SalesforceCrm) -> None:
        """Cut in the same way each time, below what the field takes."""
        many = [f"INV-{number} is {number} days overdue" for number in range(1_000)]
        readiness = self.readiness(blocking=many)

        await port.put_readiness(readiness, stamp())

        assert await port.find_readiness(readiness, stamp()) is not None

    async def test_client_credentials_do_as_well(self, connection: Connection) -> None:
        """Which grant is used depends on which secret is configured."""
        connection = connection.model_copy(update={"secrets": {"client_secret": "env:SF_SECRET"}})
        adapter = connect(connection)

        assert "requests left today" in await adapter.check()

        await adapter.aclose()

    async def test_a_refused_grant_is_unauthorized(self, connection: Connection) -> None:
        """A wrong user is a configuration fault."""
        connection = connection.model_copy(
            update={"options": {"consumer_key": CONSUMER_KEY, "username": "who@acme.example"}}
        )
        adapter = connect(connection)

        with pytest.raises(Unauthorized):
            await adapter.check()

        await adapter.aclose()

    async def test_an_order_takes_one_call(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """Accounts up to five levels, bill-to and lines come with the opportunity."""
        above = None
        for level in range(4):
            above = add_account(simulator, f"Level {level}", ParentId=above)
        bill_to = add_account(simulator, "Globex Shared Services")
        globex = add_account(simulator, "Globex", ParentId=above, Bill_To_Account__c=bill_to)
        deal = add_deal(simulator, globex)

        order = await port.fetch_order(deal)

        asked = [e for e in simulator.log if e["path"].startswith("/services/data")]
        assert len(asked) == 1
        assert {a.name for a in order.accounts} == {
            "Globex", "Level 0", "Level 1", "Level 2", "Level 3", "Globex Shared Services",
        }  # fmt: skip

    async def test_a_hierarchy_deeper_than_one_query_is_climbed_to_the_top(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """Twelve levels take three calls."""
        above = None
        for level in range(12):
            above = add_account(simulator, f"Level {level}", ParentId=above)
        deal = add_deal(simulator, above)

        order = await port.fetch_order(deal)

        assert {a.name for a in order.accounts} == {f"Level {n}" for n in range(12)}
        asked = [e for e in simulator.log if e["path"].startswith("/services/data")]
        assert len(asked) == 3

    async def test_a_hierarchy_that_leads_back_to_itself_ends(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """The accounts of the cycle arrive, and the domain reports it."""
        first = above = add_account(simulator, "Level 0")
        for level in range(1, 7):
            above = add_account(simulator, f"Level {level}", ParentId=above)
        simulator.store.update("Account", first, {"ParentId": above})
        deal = add_deal(simulator, above)

        order = await port.fetch_order(deal)

        assert {a.name for a in order.accounts} == {f"Level {n}" for n in range(7)}

    async def test_a_bottomless_hierarchy_is_not_followed_forever(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """The climb is bounded; a parent is then simply absent."""
        above = None
        for level in range(40):
            above = add_account(simulator, f"Level {level}", ParentId=above)
        deal = add_deal(simulator, above)

        order = await port.fetch_order(deal)

        assert 20 <= len(order.accounts) < 30

    async def test_won_deals_are_paged_through(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """More deals than a page holds are all listed."""
        simulator.queries.page_size = 2
        deals = {self.deal, *(self.win_globex(simulator) for _ in range(4))}

        assert {booking.id async for booking in port.won()} == deals

    async def test_a_throttled_write_says_for_how_long(self) -> None:
        """Salesforce never says for how long."""

    async def test_the_daily_limit_pauses_for_a_quarter_of_an_hour(
        self, port: SalesforceCrm, simulator: SalesforceSimulator
    ) -> None:
        """An org without requests left is not asked every second."""
        simulator.api_requests = simulator.daily_api_requests

        with pytest.raises(RateLimited) as refused:
            await port.check()

        assert refused.value.retry_after_seconds == 900
