"""The Gainsight adapter over real HTTP, against the stand-in of Gainsight CS."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from adapters.gainsight import GainsightSuccess
from adapters.gainsight.risk import RISK_FIELDS
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
from simulators.gainsight import GainsightSimulator, fields
from tests.adapters.contracts.port import GLOBEX, TokenContract
from tests.adapters.contracts.success import (
    CALL_STAMP,
    COMPANY_STAMP,
    GLOBEX_LATE,
    GLOBEX_ONBOARDING,
    GLOBEX_PAID,
    GLOBEX_RENEWAL,
    ONBOARDING_STAMP,
    READINESS_STAMP,
    RISK_STAMP,
    SuccessContract,
)

COMPANY_PATH = "/v1/data/objects/Company"


class TestGainsightSuccess(SuccessContract):
    """Gainsight keeps the success contract, by the tenant's access key."""

    write_path = "/v2/cockpit/cta$"
    write_method = "POST"
    company_path = f"{COMPANY_PATH}$"
    company_method = "PUT"

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

    def task(
        self, simulator: GainsightSimulator, onboarding: str, name: str, due_on: date, done: bool
    ) -> None:
        status = "Completed" if done else "Open"
        due = int(datetime.combine(due_on, time(), UTC).timestamp() * 1000)
        simulator.change_task(CTAId=onboarding, Name=name, Status=status, DueDate=due)

    def finish(self, simulator: GainsightSimulator, call: str) -> None:
        simulator.cockpit.change(call, status="Closed Success")

    async def test_what_a_risk_shows_is_for_people_to_read(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Money keeps its currency, and the call says what it is about and until when."""
        company = await self.company(port)
        await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        call = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)

        held = simulator.state()["Company"][company.id]
        assert (held["Risk_Score__gc"], held["Risk_Level__gc"]) == (70, "high")
        assert held["Overdue_Amount__gc"] == "12,000.00 USD; 500,000 JPY"
        assert held["Risk_Reasons__gc"] == "INV-1001 is 21 days overdue; INV-1002 is disputed"
        opened = simulator.state()["call_to_action"][call.id]
        assert (opened["Type"], opened["Reason"]) == ("Risk", "Payment Overdue")
        assert opened["Name"] == "Late payments: 12,000.00 USD; 500,000 JPY"
        assert "INV-1001" in opened["Comments"]
        assert opened["DueDate"] > datetime.now(UTC).timestamp() * 1000

    async def test_a_risk_that_is_over_is_emptied(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """No field keeps the memory of it."""
        company = await self.company(port)
        await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        await port.put_risk(GLOBEX_PAID, RISK_STAMP)

        held = simulator.state()["Company"][company.id]
        assert {held[name] for name in RISK_FIELDS} == {None}

    async def test_what_is_shown_already_is_not_written_again(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """A hundred calls a minute are few, and a company that changes tells its readers."""
        await self.company(port)
        await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        await port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP)
        await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        simulator.log.clear()

        await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        await port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP)
        await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)

        assert {call["path"].rpartition("/")[2] for call in simulator.log} == {"Company", "list"}
        assert not [call for call in simulator.log if call["method"] == "PUT"]

    async def test_a_risk_call_a_csm_closed_keeps_its_outcome(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Closing what is closed would overwrite how it ended."""
        await self.company(port)
        call = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        simulator.cockpit.change(call.id, status="Closed No Action")

        await port.close_risk_call(call, CALL_STAMP)

        assert simulator.state()["call_to_action"][call.id]["Status"] == "Closed No Action"

    async def test_a_risk_call_among_more_calls_than_a_page_holds_is_found(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """The list's pages have no order: read once, they may not show it at all."""
        await self.company(port)
        call = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        table = simulator.tenant.tables["call_to_action"]
        closed = {"IsClosed": True, "Status": "Closed Success"}
        for number in range(1_100):
            table.put(table.records[call.id] | closed | {"Gsid": f"1S01OLD{number:06d}"})

        assert await port.find_risk_call(GLOBEX, CALL_STAMP) == call
        assert await port.open_risk_call(GLOBEX_LATE, CALL_STAMP) == call

    async def test_two_open_risk_calls_need_a_person(
        self, port: GainsightSuccess, simulator: GainsightSimulator
    ) -> None:
        """Which of them is right is not for a program to guess."""
        await self.company(port)
        call = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        table = simulator.tenant.tables["call_to_action"]
        table.put(table.records[call.id] | {"Gsid": "1S01TWIN"})

        with pytest.raises(DuplicateRecord):
            await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)

    async def test_reasons_are_cut_where_a_text_field_ends(self, port: GainsightSuccess) -> None:
        """Cut in the same way each time, so that what was written is found."""
        await self.company(port)
        many = [f"INV-{number} is {number} days overdue" for number in range(100)]
        risk = GLOBEX_LATE.model_copy(update={"reasons": many})

        await port.put_risk(risk, RISK_STAMP)

        assert await port.find_risk(risk, RISK_STAMP) is not None

    async def test_a_missing_risk_field_is_misconfigured(
        self, port: GainsightSuccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A tenant whose set-up was forgotten says which field it lacks."""
        await self.company(port)
        known = fields.COMPANY - {"Risk_Level__gc"}
        monkeypatch.setattr(fields, "COMPANY", known)

        with pytest.raises(Misconfigured, match="Risk_Level__gc"):
            await port.put_risk(GLOBEX_LATE, RISK_STAMP)

    async def test_days_to_act_that_are_no_number_are_misconfigured(
        self, connection: Connection
    ) -> None:
        """Found when the connection is built."""
        options = {**connection.options, "risk_due_days": "soon"}

        with pytest.raises(Misconfigured):
            self.adapter(connection.model_copy(update={"options": options}))

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
