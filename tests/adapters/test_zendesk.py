"""The Zendesk adapter over real HTTP, against the stand-in of Zendesk Support."""

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
from tests.adapters.contracts.support import ENTITLEMENT_STAMP, GLOBEX_PREMIUM, SupportContract

EMAIL = "tieline@acme.example"


class TestZendeskSupport(TokenContract, SupportContract):
    """Zendesk keeps the support contract, by its OAuth client."""

    write_path = "/organizations/create_or_update"

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
