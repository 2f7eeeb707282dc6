"""What every customer-success system's adapter promises."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical.effects import ExternalRef
from canonical.errors import NotFound, OutcomeUnknown
from canonical.money import Money
from canonical.plan import OnboardingSpec
from canonical.portfolio import ReadinessUpdate, RiskUpdate
from canonical.ports import SuccessPort
from canonical.renewal import ForecastCategory, ReadinessState
from canonical.risk import RenewalPriority, RiskLevel
from simulators.kernel import Simulator
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, HOOLI, PortContract, stamp

COMPANY_STAMP = stamp("gainsight/company/0015g00000GLOBEXAA/r1")
ONBOARDING_STAMP = stamp("gainsight/onboarding/0065g00000GLOBEXAA")

GLOBEX_ONBOARDING = OnboardingSpec(
    opportunity_id=GLOBEX_DEAL,
    account_id=GLOBEX,
    name="Globex Corporation",
    legal_entity="Acme Inc",
    tier="premium",
    email="ap@globex.example",
    order_name="Globex platform, three years",
    due_on=date(2026, 4, 15),
    total=Money.of("16000.10", "USD"),
)
RISK_STAMP = stamp("gainsight/risk/0015g00000GLOBEXAA/1")
CALL_STAMP = stamp("gainsight/risk_call/0015g00000GLOBEXAA/1")
READINESS_STAMP = stamp("gainsight/readiness/sub_1QGlobex/rs-1")

GLOBEX_LATE = RiskUpdate(
    account_id=GLOBEX,
    level=RiskLevel.HIGH,
    score=70,
    renewal_priority=RenewalPriority.RAISED,
    overdue=[Money.of("12000.00", "USD"), Money.of("500000", "JPY")],
    oldest_days=21,
    reasons=["INV-1001 is 21 days overdue", "INV-1002 is disputed"],
)
GLOBEX_PAID = RiskUpdate(
    account_id=GLOBEX, level=RiskLevel.NONE, score=0, renewal_priority=RenewalPriority.NORMAL
)
GLOBEX_RENEWAL = ReadinessUpdate(
    account_id=GLOBEX,
    opportunity_id=GLOBEX_DEAL,
    contract_id="sub_1QGlobex",
    snapshot_id="rs-4711",
    renews_on=date(2027, 3, 31),
    state=ReadinessState.BLOCKED,
    forecast=ForecastCategory.PIPELINE,
    blocking=["two urgent incidents are open", "INV-1001 is late"],
)


class SuccessContract(PortContract):
    """Inherited by each vendor's test class, which gives a `port` over its simulator."""

    company_path: str
    company_method: str

    def task(self, simulator: Any, onboarding: str, name: str, due_on: date, done: bool) -> None:
        """Supply: a task of an onboarding, as a CSM adds it."""
        raise NotImplementedError

    def finish(self, simulator: Any, call: str) -> None:
        """Supply: a CSM closes an onboarding or another call to action with success."""
        raise NotImplementedError

    async def prepare(self, port: SuccessPort) -> None:
        await self.company(port)

    async def write(self, port: SuccessPort) -> ExternalRef:
        found = await port.find_company(GLOBEX)
        assert found is not None
        return await port.open_onboarding(GLOBEX_ONBOARDING, found.id, ONBOARDING_STAMP)

    async def probe(self, port: SuccessPort) -> ExternalRef | None:
        found = await port.find_company(GLOBEX)
        return await port.find_onboarding(found.id if found else "nobody", ONBOARDING_STAMP)

    async def company(self, port: SuccessPort) -> ExternalRef:
        """Globex as a company."""
        return await port.put_company(GLOBEX_ONBOARDING, None, COMPANY_STAMP)

    async def test_an_account_is_one_company_however_often_it_is_put(
        self, port: SuccessPort
    ) -> None:
        """Put blindly or by its known id, the account has one company."""
        assert await port.find_company(GLOBEX) is None

        first = await self.company(port)
        again = await self.company(port)
        renamed = GLOBEX_ONBOARDING.model_copy(update={"name": "Globex GmbH"})
        known = await port.put_company(renamed, first.id, COMPANY_STAMP)

        assert first.id == again.id == known.id
        found = [record async for record in port.records()]
        assert [(r.kind, r.id, r.business_id) for r in found] == [("company", first.id, GLOBEX)]

    async def test_an_open_onboarding_is_counted_for_its_order(self, port: SuccessPort) -> None:
        """The reference it carries names the opportunity."""
        await self.company(port)
        opened = await self.write(port)

        counted = [r async for r in port.records() if r.kind == "onboarding"]

        assert [(r.id, r.business_id) for r in counted] == [(opened.id, GLOBEX_DEAL)]

    async def test_an_onboarding_is_found_by_its_key_alone(self, port: SuccessPort) -> None:
        """The onboarding of another order of the same company is another one."""
        await self.company(port)
        await self.write(port)
        company = await port.find_company(GLOBEX)
        assert company is not None

        other = stamp("gainsight/onboarding/0065g00000RENEWAAA")

        assert await port.find_onboarding(company.id, other) is None

    async def test_a_closed_onboarding_is_not_found_and_closing_again_is_harmless(
        self, port: SuccessPort
    ) -> None:
        """Closing says that the onboarding is no longer needed; the company stays."""
        await self.company(port)
        opened = await self.write(port)

        await port.close_onboarding(opened, ONBOARDING_STAMP)
        await port.close_onboarding(opened, ONBOARDING_STAMP)

        assert await self.probe(port) is None
        assert [r.kind async for r in port.records()] == ["company"]

    async def test_a_risk_is_found_once_it_is_shown_and_only_exactly_this_one(
        self, port: SuccessPort
    ) -> None:
        """Another score, another amount or another effect's key is another risk."""
        company = await self.company(port)
        assert await port.find_risk(GLOBEX_LATE, RISK_STAMP) is None

        shown = await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        again = await port.put_risk(GLOBEX_LATE, RISK_STAMP)

        assert company.id == shown.id == again.id
        assert await port.find_risk(GLOBEX_LATE, RISK_STAMP) == shown
        less = GLOBEX_LATE.model_copy(update={"overdue": [Money.of("12000.00", "USD")]})
        for other in (GLOBEX_LATE.model_copy(update={"score": 71}), less, GLOBEX_PAID):
            assert await port.find_risk(other, RISK_STAMP) is None
        assert await port.find_risk(GLOBEX_LATE, stamp("gainsight/risk/other/2")) is None

    async def test_a_risk_that_is_over_leaves_no_trace(self, port: SuccessPort) -> None:
        """No risk is found on a company that never had one, and again when it is over."""
        await self.company(port)
        assert await port.find_risk(GLOBEX_PAID, RISK_STAMP) is not None

        await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        assert await port.find_risk(GLOBEX_PAID, RISK_STAMP) is None
        await port.put_risk(GLOBEX_PAID, RISK_STAMP)

        assert await port.find_risk(GLOBEX_PAID, RISK_STAMP) is not None
        assert await port.find_risk(GLOBEX_LATE, RISK_STAMP) is None

    async def test_a_readiness_is_found_once_it_is_shown_and_only_exactly_this_one(
        self, port: SuccessPort
    ) -> None:
        """Date, state, forecast, reasons and snapshot; without reasons there are none."""
        await self.company(port)
        assert await port.find_readiness(GLOBEX_RENEWAL, READINESS_STAMP) is None

        shown = await port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP)

        assert await port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP) == shown
        assert await port.find_readiness(GLOBEX_RENEWAL, READINESS_STAMP) == shown
        ready = GLOBEX_RENEWAL.model_copy(
            update={"state": ReadinessState.READY, "blocking": [], "snapshot_id": "rs-4712"}
        )
        moved = GLOBEX_RENEWAL.model_copy(update={"renews_on": date(2027, 4, 30)})
        assert await port.find_readiness(ready, READINESS_STAMP) is None
        assert await port.find_readiness(moved, READINESS_STAMP) is None
        await port.put_readiness(ready, READINESS_STAMP)
        assert await port.find_readiness(ready, READINESS_STAMP) == shown

    async def test_risk_and_readiness_leave_the_company_and_each_other_alone(
        self, port: SuccessPort
    ) -> None:
        """Each has fields of its own."""
        company = await self.company(port)

        await port.put_risk(GLOBEX_LATE, RISK_STAMP)
        await port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP)
        await self.company(port)

        assert await port.find_risk(GLOBEX_LATE, RISK_STAMP) == company
        assert await port.find_readiness(GLOBEX_RENEWAL, READINESS_STAMP) == company
        assert [(r.kind, r.business_id) async for r in port.records()] == [("company", GLOBEX)]

    @pytest.mark.parametrize("what", ["risk", "readiness"])
    async def test_a_lost_answer_to_a_company_is_settled_by_looking(
        self, port: SuccessPort, simulator: Simulator, what: str
    ) -> None:
        """What was asked for may be shown, and is."""
        await self.company(port)
        simulator.faults.arm(
            kind="lost_response", method=self.company_method, path=self.company_path
        )
        put: dict[str, Callable[[], Awaitable[ExternalRef]]] = {
            "risk": lambda: port.put_risk(GLOBEX_LATE, RISK_STAMP),
            "readiness": lambda: port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP),
        }
        found: dict[str, Callable[[], Awaitable[ExternalRef | None]]] = {
            "risk": lambda: port.find_risk(GLOBEX_LATE, RISK_STAMP),
            "readiness": lambda: port.find_readiness(GLOBEX_RENEWAL, READINESS_STAMP),
        }

        with pytest.raises(OutcomeUnknown):
            await put[what]()

        assert await found[what]() is not None

    async def test_an_account_without_a_company_shows_nothing(self, port: SuccessPort) -> None:
        """Writing is not possible, and nothing is found."""
        for write in (
            port.put_risk(GLOBEX_LATE, RISK_STAMP),
            port.put_readiness(GLOBEX_RENEWAL, READINESS_STAMP),
            port.open_risk_call(GLOBEX_LATE, CALL_STAMP),
        ):
            with pytest.raises(NotFound):
                await write

        assert await port.find_risk(GLOBEX_LATE, RISK_STAMP) is None
        assert await port.find_readiness(GLOBEX_RENEWAL, READINESS_STAMP) is None
        assert await port.find_risk_call(GLOBEX, CALL_STAMP) is None

    async def test_a_risk_call_is_found_by_its_key_and_closed_once(self, port: SuccessPort) -> None:
        """Closed ones are not found, and closing again is harmless."""
        await self.company(port)
        assert await port.find_risk_call(GLOBEX, CALL_STAMP) is None

        opened = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)

        assert await port.find_risk_call(GLOBEX, CALL_STAMP) == opened
        assert await port.find_risk_call(GLOBEX, stamp("gainsight/risk_call/x/2")) is None
        await port.close_risk_call(opened, CALL_STAMP)
        await port.close_risk_call(opened, CALL_STAMP)
        assert await port.find_risk_call(GLOBEX, CALL_STAMP) is None

    async def test_an_account_has_one_open_risk_call(self, port: SuccessPort) -> None:
        """Whoever asks again has the same call; a closed one is followed by a new one."""
        await self.company(port)
        later = stamp("gainsight/risk_call/0015g00000GLOBEXAA/2")

        first = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        again = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        taken = await port.open_risk_call(GLOBEX_LATE, later)

        assert first == again == taken
        assert await port.find_risk_call(GLOBEX, later) == first
        assert await port.find_risk_call(GLOBEX, CALL_STAMP) is None
        await port.close_risk_call(first, later)
        assert (await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)).id != first.id

    async def test_a_lost_answer_to_a_risk_call_is_settled_by_looking(
        self, port: SuccessPort, simulator: Simulator
    ) -> None:
        """The call may stand, and does; there is no second one."""
        await self.company(port)
        self.arm(simulator, "lost_response")

        with pytest.raises(OutcomeUnknown):
            await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)

        found = await port.find_risk_call(GLOBEX, CALL_STAMP)
        assert found == await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)

    async def test_a_risk_call_is_no_onboarding(
        self, port: SuccessPort, simulator: Simulator
    ) -> None:
        """It is not counted as one, has no tasks of one, and completes nothing when it is done."""
        await self.company(port)
        call = await port.open_risk_call(GLOBEX_LATE, CALL_STAMP)
        self.task(simulator, call.id, "Call their controller", date(2026, 1, 5), done=False)
        counted = [r.kind async for r in port.records()]
        during = await port.onboarding_tasks(GLOBEX)
        await port.close_risk_call(call, CALL_STAMP)

        after = await port.onboarding_tasks(GLOBEX)

        assert counted == ["company"]
        assert (during.open_tasks, after.open_tasks, after.completed) == ([], [], False)

    async def test_open_and_overdue_tasks_of_an_implementation_are_told(
        self, port: SuccessPort, simulator: Simulator
    ) -> None:
        """A task is overdue once its day has passed; what is done is not told."""
        await self.company(port)
        opened = await self.write(port)
        today = datetime.now(UTC).date()
        self.task(simulator, opened.id, "Kickoff", today - timedelta(days=40), done=True)
        self.task(simulator, opened.id, "Single sign-on", today - timedelta(days=1), done=False)
        self.task(simulator, opened.id, "Data import", today, done=False)

        told = await port.onboarding_tasks(GLOBEX)

        assert told.open_tasks == ["Data import", "Single sign-on"]
        assert told.overdue_tasks == ["Single sign-on"]
        assert not told.completed

    async def test_an_implementation_is_completed_once_it_ended_well_and_none_is_open(
        self, port: SuccessPort, simulator: Simulator
    ) -> None:
        """One that was closed as no longer needed completes nothing."""
        await self.company(port)
        assert not (await port.onboarding_tasks(GLOBEX)).completed
        needless = await self.write(port)
        await port.close_onboarding(needless, ONBOARDING_STAMP)
        assert not (await port.onboarding_tasks(GLOBEX)).completed
        opened = await self.write(port)
        self.task(simulator, opened.id, "Training", date(2026, 1, 5), done=False)
        assert not (await port.onboarding_tasks(GLOBEX)).completed

        self.finish(simulator, opened.id)

        told = await port.onboarding_tasks(GLOBEX)
        assert (told.completed, told.open_tasks) == (True, [])

    async def test_an_account_that_customer_success_does_not_know_has_no_tasks(
        self, port: SuccessPort
    ) -> None:
        """Nothing is an answer, and completes nothing."""
        told = await port.onboarding_tasks(HOOLI)

        assert (told.account_id, told.open_tasks, told.completed) == (HOOLI, [], False)
