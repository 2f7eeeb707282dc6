"""What every customer-success system's adapter promises."""

from datetime import date

from canonical.effects import ExternalRef
from canonical.money import Money
from canonical.plan import OnboardingSpec
from canonical.ports import SuccessPort
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, PortContract, stamp

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


class SuccessContract(PortContract):
    """Inherited by each vendor's test class, which gives a `port` over its simulator."""

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
