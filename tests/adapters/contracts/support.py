"""What every support system's adapter promises."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from canonical.effects import ExternalRef
from canonical.errors import NotFound, OutcomeUnknown
from canonical.money import Money
from canonical.plan import EntitlementSpec
from canonical.portfolio import RiskUpdate
from canonical.ports import SupportPort
from canonical.risk import RenewalPriority, RiskLevel
from simulators.kernel import Simulator
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, HOOLI, PortContract, stamp

RISK_STAMP = stamp("zendesk/risk_flag/0015g00000GLOBEXAA/1")
ENTITLEMENT_STAMP = stamp("zendesk/entitlement/0065g00000GLOBEXAA")

GLOBEX_PREMIUM = EntitlementSpec(
    opportunity_id=GLOBEX_DEAL,
    account_id=GLOBEX,
    name="Globex Corporation",
    tier="premium",
    ends_on=date(2027, 3, 31),
)

GLOBEX_LATE = RiskUpdate(
    account_id=GLOBEX,
    level=RiskLevel.HIGH,
    score=70,
    renewal_priority=RenewalPriority.RAISED,
    overdue=[Money.of("12000.00", "USD")],
    oldest_days=21,
    reasons=["INV-1001 is 21 days overdue"],
)
GLOBEX_PAID = RiskUpdate(
    account_id=GLOBEX, level=RiskLevel.NONE, score=0, renewal_priority=RenewalPriority.NORMAL
)
QUARTER = timedelta(days=90)


class SupportContract(PortContract):
    """Inherited by each vendor's test class; the account knows the tiers standard and premium."""

    risk_path: str
    risk_method: str

    def case(self, simulator: Any, **given: Any) -> str:
        """Supply: open a case of Globex or change the one with this `id`, and return its id.

        `given`: `severity` (urgent, high, normal, low), `solved`, `escalated` and `breached`.
        """
        raise NotImplementedError

    async def prepare(self, port: SupportPort) -> None:
        """Nothing: an entitlement needs nothing before it."""

    async def write(self, port: SupportPort) -> ExternalRef:
        return await port.put_entitlement(GLOBEX_PREMIUM, ENTITLEMENT_STAMP)

    async def probe(self, port: SupportPort) -> ExternalRef | None:
        return await port.find_entitlement(GLOBEX_PREMIUM, ENTITLEMENT_STAMP)

    async def test_an_account_is_one_organization_however_often_it_is_entitled(
        self, port: SupportPort
    ) -> None:
        """Another tier changes the organization, and adds none."""
        standard = GLOBEX_PREMIUM.model_copy(update={"tier": "standard"})

        first = await port.put_entitlement(standard, ENTITLEMENT_STAMP)
        again = await port.put_entitlement(GLOBEX_PREMIUM, ENTITLEMENT_STAMP)

        assert first.id == again.id
        found = [record async for record in port.records()]
        assert [(r.id, r.business_id, r.status) for r in found] == [(first.id, GLOBEX, "premium")]

    async def test_only_exactly_this_entitlement_is_found(self, port: SupportPort) -> None:
        """Another tier, another end or another process's stamp is not this entitlement."""
        await self.write(port)
        standard = GLOBEX_PREMIUM.model_copy(update={"tier": "standard"})
        longer = GLOBEX_PREMIUM.model_copy(update={"ends_on": date(2028, 3, 31)})
        other = ENTITLEMENT_STAMP.model_copy(update={"correlation_id": "tl-other"})

        assert await port.find_entitlement(standard, ENTITLEMENT_STAMP) is None
        assert await port.find_entitlement(longer, ENTITLEMENT_STAMP) is None
        assert await port.find_entitlement(GLOBEX_PREMIUM, other) is None

    async def test_a_withdrawn_entitlement_is_gone_and_the_organization_stays(
        self, port: SupportPort
    ) -> None:
        """Withdrawing twice is harmless; the organization stays, without a tier."""
        given = await self.write(port)

        await port.withdraw_entitlement(given, ENTITLEMENT_STAMP)
        await port.withdraw_entitlement(given, ENTITLEMENT_STAMP)

        assert await self.probe(port) is None
        assert [(r.id, r.status) async for r in port.records()] == [(given.id, "")]

    async def test_withdrawing_from_an_organization_that_is_gone_is_harmless(
        self, port: SupportPort
    ) -> None:
        """What does not exist has no entitlement."""
        await port.withdraw_entitlement(ExternalRef(id="4242"), ENTITLEMENT_STAMP)

    async def test_the_incidents_of_a_customer_are_counted(
        self, port: SupportPort, simulator: Simulator
    ) -> None:
        """Open cases by severity, and what was opened, escalated and breached in the window."""
        await self.write(port)
        self.case(simulator, severity="urgent", escalated=True, breached=True)
        self.case(simulator, severity="urgent")
        self.case(simulator, severity="low", solved=True, breached=True)
        self.case(simulator)

        told = await port.incidents(GLOBEX, datetime.now(UTC) - QUARTER)

        assert told.account_id == GLOBEX
        assert told.open_by_severity == {"urgent": 2, "": 1}
        assert (told.opened, told.escalated, told.breached) == (4, 1, 2)
        assert abs(told.as_of - datetime.now(UTC)) < timedelta(minutes=1)

    async def test_what_was_before_the_window_counts_only_while_it_is_open(
        self, port: SupportPort, simulator: Simulator
    ) -> None:
        """A case that was opened, escalated and breached earlier is still open."""
        await self.write(port)
        self.case(simulator, severity="high", escalated=True, breached=True)
        self.case(simulator, severity="high", solved=True, escalated=True, breached=True)

        told = await port.incidents(GLOBEX, datetime.now(UTC) + timedelta(seconds=5))

        assert told.open_by_severity == {"high": 1}
        assert (told.opened, told.escalated, told.breached) == (0, 0, 0)

    async def test_a_customer_that_support_does_not_know_has_no_incidents(
        self, port: SupportPort
    ) -> None:
        """None is an answer, and not a fault."""
        told = await port.incidents(HOOLI, datetime.now(UTC) - QUARTER)

        assert (told.open_by_severity, told.opened, told.breached) == ({}, 0, 0)

    async def test_a_risk_flag_is_found_once_it_is_shown_and_only_at_its_level(
        self, port: SupportPort
    ) -> None:
        """Another level is another flag; shown again, nothing changes."""
        await self.write(port)
        assert await port.find_risk_flag(GLOBEX_LATE, RISK_STAMP) is None

        shown = await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)
        again = await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)

        found = await port.find_risk_flag(GLOBEX_LATE, RISK_STAMP)
        assert found is not None
        assert shown.id == again.id == found.id
        worse = GLOBEX_LATE.model_copy(update={"level": RiskLevel.CRITICAL})
        assert await port.find_risk_flag(worse, RISK_STAMP) is None

    async def test_a_lost_answer_to_a_risk_flag_is_settled_by_looking(
        self, port: SupportPort, simulator: Simulator
    ) -> None:
        """The flag may be shown, and is."""
        await self.write(port)
        simulator.faults.arm(kind="lost_response", method=self.risk_method, path=self.risk_path)

        with pytest.raises(OutcomeUnknown):
            await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)

        assert await port.find_risk_flag(GLOBEX_LATE, RISK_STAMP) is not None

    async def test_a_flag_and_an_entitlement_leave_each_other_alone(
        self, port: SupportPort
    ) -> None:
        """Either may come first, change and go."""
        await self.write(port)
        await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)
        assert await self.probe(port) is not None

        standard = GLOBEX_PREMIUM.model_copy(update={"tier": "standard"})
        await port.put_entitlement(standard, ENTITLEMENT_STAMP)
        assert await port.find_risk_flag(GLOBEX_LATE, RISK_STAMP) is not None

        await port.put_risk_flag(GLOBEX_PAID, RISK_STAMP)
        assert await port.find_risk_flag(GLOBEX_PAID, RISK_STAMP) is not None
        assert await port.find_risk_flag(GLOBEX_LATE, RISK_STAMP) is None
        assert await port.find_entitlement(standard, ENTITLEMENT_STAMP) is not None

    async def test_a_customer_that_support_does_not_know_cannot_be_flagged(
        self, port: SupportPort
    ) -> None:
        """There is nothing to show it on."""
        with pytest.raises(NotFound):
            await port.put_risk_flag(GLOBEX_LATE, RISK_STAMP)

        assert await port.find_risk_flag(GLOBEX_LATE, RISK_STAMP) is None
