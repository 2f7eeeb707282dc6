"""What every support system's adapter promises."""

from datetime import date

from canonical.effects import ExternalRef
from canonical.plan import EntitlementSpec
from canonical.ports import SupportPort
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL, PortContract, stamp

ENTITLEMENT_STAMP = stamp("zendesk/entitlement/0065g00000GLOBEXAA")

GLOBEX_PREMIUM = EntitlementSpec(
    opportunity_id=GLOBEX_DEAL,
    account_id=GLOBEX,
    name="Globex Corporation",
    tier="premium",
    ends_on=date(2027, 3, 31),
)


class SupportContract(PortContract):
    """Inherited by each vendor's test class; the account knows the tiers standard and premium."""

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
