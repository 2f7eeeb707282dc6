"""The Zendesk adapter over real HTTP, against the stand-in of Zendesk Support."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.zendesk import ZendeskSupport
from canonical.connections import Connection, Role
from canonical.errors import (
    Busy,
    DuplicateRecord,
    Misconfigured,
    Rejected,
    Unauthorized,
)
from simulators.zendesk import ZendeskSimulator
from tests.adapters.contracts.port import GLOBEX, HOOLI, TokenContract
from tests.adapters.contracts.support import (
    ENTITLEMENT_STAMP,
    GLOBEX_LATE,
    GLOBEX_PAID,
    GLOBEX_PREMIUM,
    QUARTER,
    RISK_STAMP,
    SupportContract,
)

EMAIL = "tieline@acme.example"


class TestZendeskSupport(TokenContract, SupportContract):
    """Zendesk keeps the support contract, by its OAuth client."""

    write_path = "/organizations/create_or_update"
    risk_path = r"/organizations/\d+$"
    risk_method = "PUT"

    @pytest.fixture
    def simulator(self) -> ZendeskSimulator:
        return ZendeskSimulator(
            oauth_clients={"tieline": "client-secret"}, api_tokens={EMAIL: "api-token"}
        )

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setenv("ZENDESK_CLIENT_SECRET", "client-secret")
        return Connection(
            name="zendesk-main",
            role=Role.SUPPORT,
            vendor="zendesk",
            base_url=url,
            secrets={"client_secret": "env:ZENDESK_CLIENT_SECRET"},
            options={"client_id": "tieline"},
        )

    def adapter(self, connection: Connection) -> ZendeskSupport:
        return ZendeskSupport.from_connection(connection)

    def case(self, simulator: ZendeskSimulator, **given: Any) -> str:
        tags = ["escalated"] if given.get("escalated") else []
        ticket = simulator.change_ticket(
            organization=GLOBEX,
            status="solved" if given.get("solved") else "open",
            priority=given.get("severity"),
            tags=["billing", *tags],
        )
        if given.get("breached"):
            simulator.tickets.breach(ticket["id"])
        return str(ticket["id"])

    def organization(self, simulator: ZendeskSimulator) -> dict[str, Any]:
        """The only organization in the account."""
        (organization,) = simulator.state()["organizations"]
        return organization

    async def test_what_agents_added_to_the_organization_survives(
        self, port: ZendeskSupport, simulator: ZendeskSimulator, url: str
    ) -> None:
        """Foreign tags and domain names stay; only our own tier tag is exchanged."""
        body = {
            "external_id": GLOBEX, "name": "Globex Corporation",
            "tags": ["vip", "tier_standard"], "domain_names": ["globex.example"],
        }  # fmt: skip
        async with httpx.AsyncClient(base_url=url, auth=(f"{EMAIL}/token", "api-token")) as agent:
            made = await agent.post("/api/v2/organizations", json={"organization": body})
            assert made.status_code == 201

        given = await self.write(port)
        entitled = self.organization(simulator)
        await port.withdraw_entitlement(given, ENTITLEMENT_STAMP)
        withdrawn = self.organization(simulator)

        assert set(entitled["tags"]) == {"vip", "tieline", "tier_premium"}
        assert set(withdrawn["tags"]) == {"vip", "tieline"}
        assert withdrawn["domain_names"] == ["globex.example"]
        assert withdrawn["organization_fields"]["support_tier"] is None

    async def test_a_flag_changes_its_field_and_tag_alone(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """Views and triggers may use either; both go when the customer has paid."""
        await self.write(port)
        before = self.organization(simulator)
        simulator.account.organizations.put({**before, "tags": [*before["tags"], "vip"]})

        await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)
        late = self.organization(simulator)
        await port.put_risk_flag(GLOBEX_PAID, RISK_STAMP)
        paid = self.organization(simulator)

        assert late["organization_fields"] == {
            **before["organization_fields"], "payment_risk": "payment_risk_high",
        }  # fmt: skip
        assert set(late["tags"]) == {"vip", "tieline", "tier_premium", "payment_risk_high"}
        assert paid["organization_fields"] == before["organization_fields"]
        assert set(paid["tags"]) == {"vip", "tieline", "tier_premium"}

    async def test_a_flag_that_stands_is_not_written_again(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """One read shows that there is nothing to do."""
        await self.write(port)
        await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)
        simulator.log.clear()

        await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)

        assert [call["method"] for call in simulator.log] == ["GET"]

    async def test_incidents_cost_a_bounded_number_of_calls(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """One for the organization, pages of a hundred, and the most urgent tickets' metrics."""
        await self.write(port)
        for _ in range(130):
            self.case(simulator, severity="low", solved=True)
        self.case(simulator, severity="urgent", breached=True)
        simulator.log.clear()

        told = await port.incidents(GLOBEX, datetime.now(UTC) - QUARTER)

        assert (told.opened, told.breached) == (131, 1)
        asked = Counter(re.sub(r"\d+", "N", call["path"]) for call in simulator.log)
        assert asked == {
            "/api/vN/organizations/show_many": 1,
            "/api/vN/search/export": 3,
            "/api/vN/tickets/N": 25,
        }

    async def test_metrics_are_not_asked_for_where_the_account_has_no_service_levels(
        self, connection: Connection, simulator: ZendeskSimulator
    ) -> None:
        """`sla_tickets_max` 0 saves the calls."""
        options = {**connection.options, "sla_tickets_max": "0"}
        port = self.adapter(connection.model_copy(update={"options": options}))
        await self.write(port)
        self.case(simulator, severity="urgent", breached=True)

        told = await port.incidents(GLOBEX, datetime.now(UTC) - QUARTER)

        assert (told.opened, told.breached) == (1, 0)
        await port.aclose()

    async def test_a_breach_that_was_taken_back_is_none(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """Zendesk marks it as deleted, for example when the policy was changed."""
        await self.write(port)
        ticket = self.case(simulator, severity="high")
        simulator.tickets.breach(int(ticket), deleted=True)

        assert (await port.incidents(GLOBEX, datetime.now(UTC) - QUARTER)).breached == 0

    async def test_a_wrong_number_of_tickets_is_misconfigured(self, connection: Connection) -> None:
        """Found when the connection is built."""
        options = {**connection.options, "sla_tickets_max": "many"}

        with pytest.raises(Misconfigured):
            self.adapter(connection.model_copy(update={"options": options}))

    async def test_an_entitlement_that_stands_is_not_written_again(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """One read shows that there is nothing to do."""
        await self.write(port)
        simulator.log.clear()

        await self.write(port)

        assert [call["method"] for call in simulator.log] == ["GET"]

    async def test_a_tag_that_an_agent_removed_is_noticed(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """Without its tag an organization matches no SLA policy: no entitlement stands."""
        given = await self.write(port)
        simulator.account.organizations.put(
            {**simulator.account.organizations.records[int(given.id)], "tags": ["tieline"]}
        )
        assert await self.probe(port) is None

        await self.write(port)

        assert await self.probe(port) is not None

    async def test_a_name_that_another_account_has_is_a_duplicate(
        self, port: ZendeskSupport
    ) -> None:
        """The name is no key in Zendesk: the same name under another external id is refused."""
        await self.write(port)
        namesake = GLOBEX_PREMIUM.model_copy(update={"account_id": HOOLI})

        with pytest.raises(DuplicateRecord) as caught:
            await port.put_entitlement(namesake, ENTITLEMENT_STAMP)

        assert caught.value.about == "name"

    async def test_a_tier_that_the_account_does_not_offer_is_rejected(
        self, port: ZendeskSupport
    ) -> None:
        """A dropdown takes only its options."""
        platinum = GLOBEX_PREMIUM.model_copy(update={"tier": "platinum"})

        with pytest.raises(Rejected):
            await port.put_entitlement(platinum, ENTITLEMENT_STAMP)

    async def test_two_upserts_at_once_are_busy(
        self, port: ZendeskSupport, simulator: ZendeskSimulator
    ) -> None:
        """Zendesk answers 409 to one of them; asking again is enough."""
        self.arm(simulator, "reject", status=409)

        with pytest.raises(Busy):
            await self.write(port)

    async def test_an_api_token_works_as_well(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Basic with the agent's e-mail, for accounts without an OAuth client."""
        monkeypatch.setenv("ZENDESK_API_TOKEN", "api-token")
        by_token = {
            "secrets": {"api_token": "env:ZENDESK_API_TOKEN"},
            "options": {"email": EMAIL},
        }
        port = self.adapter(connection.model_copy(update=by_token))

        assert await port.check() == "Zendesk lists organizations, 700 requests a minute"

        await port.aclose()

    async def test_a_wrong_client_secret_is_unauthorized(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error names neither client secret nor token."""
        monkeypatch.setenv("ZENDESK_CLIENT_SECRET", "not-it")
        port = self.adapter(connection)

        with pytest.raises(Unauthorized) as caught:
            await port.check()

        assert "not-it" not in str(caught.value)
        await port.aclose()

    async def test_a_connection_without_credentials_is_misconfigured(
        self, connection: Connection
    ) -> None:
        """Found when the connection is built, not at the first order."""
        with pytest.raises(Misconfigured):
            self.adapter(connection.model_copy(update={"secrets": {}}))


class TestZendeskWithALaggingIndex:
    """Search answers from an index that is a minute behind."""

    url = SupportContract.url
    connection = TestZendeskSupport.connection

    @pytest.fixture
    def simulator(self) -> ZendeskSimulator:
        return ZendeskSimulator(oauth_clients={"tieline": "client-secret"}, search_lag_seconds=60)

    async def test_what_was_just_written_is_found(self, connection: Connection) -> None:
        """An undo that comes at once must not take a standing entitlement for none."""
        port = ZendeskSupport.from_connection(connection)
        written = await port.put_entitlement(GLOBEX_PREMIUM, ENTITLEMENT_STAMP)

        found = await port.find_entitlement(GLOBEX_PREMIUM, ENTITLEMENT_STAMP)

        assert found == written
        await port.aclose()


class TestZendeskWithoutOurFields:
    """An account whose set-up was forgotten."""

    url = SupportContract.url
    connection = TestZendeskSupport.connection

    @pytest.fixture
    def simulator(self) -> ZendeskSimulator:
        return ZendeskSimulator(oauth_clients={"tieline": "client-secret"}, organization_fields=())

    async def test_missing_organization_fields_are_misconfigured(
        self, connection: Connection
    ) -> None:
        """Zendesk ignores fields it does not know; a success without the tier is none."""
        port = ZendeskSupport.from_connection(connection)

        with pytest.raises(Misconfigured) as caught:
            await port.put_entitlement(GLOBEX_PREMIUM, ENTITLEMENT_STAMP)

        assert caught.value.about == "organization_fields"
        await port.aclose()

    async def test_a_missing_risk_field_is_misconfigured(
        self, connection: Connection, simulator: ZendeskSimulator
    ) -> None:
        """A flag that only stands as a tag is half a flag."""
        port = ZendeskSupport.from_connection(connection)
        simulator.directory.organizations.create({"external_id": GLOBEX, "name": "Globex"})

        with pytest.raises(Misconfigured) as caught:
            await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)

        assert caught.value.about == "organization_fields"
        await port.aclose()
