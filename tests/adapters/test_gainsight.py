"""The Gainsight adapter over real HTTP, against the stand-in of Gainsight CS."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.gainsight import GainsightSuccess
from adapters.gainsight.window import MinuteWindow
from canonical.connections import Connection, Role
from canonical.errors import (
    DuplicateRecord,
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unauthorized,
)
from simulators.gainsight import GainsightSimulator
from tests.adapters.contracts.port import GLOBEX, TokenContract
from tests.adapters.contracts.success import (
    COMPANY_STAMP,
    GLOBEX_ONBOARDING,
    ONBOARDING_STAMP,
    SuccessContract,
)

COMPANY_PATH = "/v1/data/objects/Company"


class TestGainsightSuccess(SuccessContract):
    """Gainsight keeps the success contract, by the tenant's access key."""

    write_path = "/v2/cockpit/cta$"
    write_method = "POST"

    @pytest.fixture
    def simulator(self) -> GainsightSimulator:
        return GainsightSimulator(
            access_keys=["gs-key"], oauth_clients={"tieline": "client-secret"}
        )

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setenv("GAINSIGHT_ACCESS_KEY", "gs-key")
        return Connection(
            name="gainsight",
            role=Role.SUCCESS,
            vendor="gainsight",
            base_url=url,
            secrets={"access_key": "env:GAINSIGHT_ACCESS_KEY"},
            options={"owner_email": "csm@acme.example"},
        )

    def adapter(self, connection: Connection) -> GainsightSuccess:
        return GainsightSuccess.from_connection(connection)

    async def test_the_contact_is_put_with_the_company(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """A person is upserted by e-mail and tied to the company; no name is invented."""
        company = await self.company(port)
        await self.company(port)

        put = [call for call in simulator.log if "/people" in call["path"]]
        assert len(put) == 2
        assert all(company.id in call["body"] for call in put)
        assert '"Name"' not in put[0]["body"]

    async def test_a_lost_answer_to_a_new_company_is_settled_by_looking(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Creating a company twice would make two, so it is looked up first, always."""
        simulator.faults.arm(kind="lost_response", method="POST", path=f"{COMPANY_PATH}$")
        with pytest.raises(OutcomeUnknown):
            await self.company(port)

        again = await self.company(port)

        found = await port.find_company(GLOBEX)
        assert found is not None
        assert found.id == again.id

    async def test_two_companies_of_one_account_need_a_person(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Which of them is right is not for a program to guess."""
        await self.company(port)
        twin = {"Gsid": "1P02TWIN", "Name": "Globex (2)", "SFDC_Account_Id__gc": GLOBEX}
        simulator.tenant.put("Company", twin)

        with pytest.raises(DuplicateRecord) as caught:
            await port.find_company(GLOBEX)

        assert len(caught.value.details["ids"]) == 2

    async def test_a_known_company_that_is_gone_is_not_found(self, port: GainsightSuccess) -> None:
        """PUT never inserts: it answers 200 with `result: false`."""
        with pytest.raises(NotFound):
            await port.put_company(GLOBEX_ONBOARDING, "1P02GONE", COMPANY_STAMP)

    async def test_more_onboardings_than_a_page_holds_are_each_listed_once(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """The list's pages have no order: read once, they show one twice and another not at all."""
        company = await self.company(port)
        first = await port.open_onboarding(GLOBEX_ONBOARDING, company.id, ONBOARDING_STAMP)
        table = simulator.tenant.tables["call_to_action"]
        for number in range(1_100):
            table.put(dict(table.records[first.id]) | {"Gsid": f"1S01COPY{number:06d}"})

        listed = [r.id async for r in port.records() if r.kind == "onboarding"]

        assert len(listed) == len(set(listed)) == 1_101

    async def test_a_refusal_inside_a_success_is_an_error(self, port: GainsightSuccess) -> None:
        """HTTP says 200, the envelope says no."""
        await self.company(port)

        with pytest.raises(Rejected) as caught:
            await port.open_onboarding(GLOBEX_ONBOARDING, "1P02NOBODY", ONBOARDING_STAMP)

        assert caught.value.details["status"] == 200
        assert caught.value.details["code"] == "COCKPIT_9700"

    async def test_a_picklist_name_the_tenant_lacks_is_named_and_nothing_is_written(
        self, port: GainsightSuccess, connection: Connection, simulator: GainsightSimulator
    ) -> None:
        """Set-up work with one remedy for all onboardings."""
        await self.company(port)
        options = {**connection.options, "cta_reason": "Onborading"}
        mistyped = self.adapter(connection.model_copy(update={"options": options}))

        with pytest.raises(Misconfigured) as caught:
            await self.write(mistyped)

        assert caught.value.about == "CTA_REASON/Onborading"
        assert not [call for call in simulator.log if call["path"] == "/v2/cockpit/cta"]
        await mistyped.aclose()

    async def test_picklists_are_asked_for_once(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """A hundred calls a minute are few."""
        await self.company(port)
        opened = await self.write(port)
        await port.close_onboarding(opened, ONBOARDING_STAMP)
        await self.write(port)

        assert sum("picklist" in call["path"] for call in simulator.log) == 1

    async def test_an_onboarding_a_csm_finished_keeps_its_outcome(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Closing what is closed would overwrite how it ended."""
        await self.company(port)
        opened = await self.write(port)
        ctas = simulator.tenant.tables["call_to_action"].records
        simulator.tenant.put(
            "call_to_action", {**ctas[opened.id], "Status": "Closed Success", "IsClosed": True}
        )

        await port.close_onboarding(opened, ONBOARDING_STAMP)

        assert simulator.state()["call_to_action"][opened.id]["Status"] == "Closed Success"

    async def test_over_the_limit_the_next_minute_is_named(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Gainsight sends no Retry-After; its window is a minute of the clock."""
        simulator.faults.arm(kind="throttle")

        with pytest.raises(RateLimited) as caught:
            await port.check()

        assert caught.value.retry_after_seconds is not None
        assert 0 < caught.value.retry_after_seconds <= 60

    async def test_our_own_count_stops_before_the_tenant_does(
        self, connection: Connection, simulator: GainsightSimulator
    ) -> None:
        """What is over the budget is never sent."""
        options = {**connection.options, "calls_per_minute": "2"}
        port = self.adapter(connection.model_copy(update={"options": options, "account": "small"}))

        with pytest.raises(RateLimited):
            for _ in range(5):  # a minute may turn meanwhile
                await port.check()

        assert len(simulator.log) <= 4
        await port.aclose()

    async def test_a_wrong_path_is_not_taken_for_an_empty_result(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Only GSOBJ_1011 means that nothing matches."""
        simulator.faults.arm(kind="reject", status=404)

        with pytest.raises(Malformed):
            await port.find_company(GLOBEX)


class TestGainsightByOAuth(TokenContract):
    """The other way in: an M2M client, whose tokens expire."""

    write_path = TestGainsightSuccess.write_path
    write_method = TestGainsightSuccess.write_method
    url = SuccessContract.url
    port = SuccessContract.port
    simulator = TestGainsightSuccess.simulator
    adapter = TestGainsightSuccess.adapter
    arm = SuccessContract.arm
    prepare = SuccessContract.prepare
    company = SuccessContract.company
    write = SuccessContract.write

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setenv("GAINSIGHT_CLIENT_SECRET", "client-secret")
        return Connection(
            name="gainsight",
            role=Role.SUCCESS,
            vendor="gainsight",
            base_url=url,
            secrets={"client_secret": "env:GAINSIGHT_CLIENT_SECRET"},
            options={"owner_email": "csm@acme.example", "client_id": "tieline"},
        )

    async def test_a_wrong_client_secret_is_unauthorized(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error does not show it."""
        monkeypatch.setenv("GAINSIGHT_CLIENT_SECRET", "not-it")
        port: Any = self.adapter(connection)

        with pytest.raises(Unauthorized) as caught:
            await port.check()

        assert "not-it" not in str(caught.value)
        await port.aclose()


def test_a_window_ends_with_the_minute_of_the_clock() -> None:
    """Two calls at 12:00:50, none more until 12:01:00."""
    window = MinuteWindow("gainsight/acme", 2)
    at = datetime(2026, 11, 22, 12, 0, 50, tzinfo=UTC)
    window.take(at)
    window.take(at)

    with pytest.raises(RateLimited) as caught:
        window.take(at)

    assert caught.value.retry_after_seconds == 10
    window.take(at.replace(minute=1, second=0))
