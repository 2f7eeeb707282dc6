"""Support activities: provision an account's entitlement, and withdraw it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.context import current_process
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.ids import effect_key
from canonical.milestones import Milestone
from canonical.plan import EntitlementSpec
from canonical.ports.support import SupportPort
from domain.entitlements import combine

ENTITLEMENT = "entitlement"


class SupportActivities:
    """What processes ask of one support connection.

    `tiers` gives the catalogue's tiers, lowest first.
    """

    def __init__(
        self,
        port: SupportPort,
        connection: str,
        effects: Effects,
        tiers: Callable[[], Sequence[str]],
    ) -> None:
        self._port = port
        self._connection = connection
        self._effects = effects
        self._tiers = tiers

    @activity.defn(name="support.provision_entitlement")
    async def provision_entitlement(self, entitlement: EntitlementSpec) -> ExternalRef:
        """Bring the account's organization to the best of all its orders' entitlements (R66)."""

        async def write(stamp: Stamp) -> ExternalRef:
            return await self._port.put_entitlement(await target(), stamp)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_entitlement(await target(), stamp)

        async def target() -> EntitlementSpec:
            others = await self._others(entitlement)
            return combine([*others, entitlement], self._tiers()) or entitlement

        return await self._effects.once(
            Effect(
                key=self._key(entitlement),
                connection=self._connection,
                kind=ENTITLEMENT,
                subject=_account(entitlement),
                request=entitlement,
                scope=f"{self._connection}/organization/{entitlement.account_id}",
                process=current_process(),
                milestone=Milestone.ENTITLEMENT_PROVISIONED,
            ),
            write,
            probe,
        )

    @activity.defn(name="support.withdraw_entitlement")
    async def withdraw_entitlement(self, entitlement: EntitlementSpec) -> ExternalRef | None:
        """Undo of the provisioning: what the account's other orders entitle it to remains."""
        process = current_process()
        key = self._key(entitlement)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_entitlement(entitlement, stamp)

        async def reverse(ref: ExternalRef) -> None:
            stamp = Stamp(key=key, token="", correlation_id=process.correlation_id)
            rest = combine(await self._others(entitlement), self._tiers())
            if rest is None:
                await self._port.withdraw_entitlement(ref, stamp)
            else:
                await self._port.put_entitlement(rest, stamp)

        return await self._effects.undo(key, process, probe, reverse)

    async def _others(self, entitlement: EntitlementSpec) -> list[EntitlementSpec]:
        standing = await self._effects.standing(
            self._connection, ENTITLEMENT, _account(entitlement)
        )
        found = [EntitlementSpec.model_validate(effect.request) for effect in standing]
        today = datetime.now(UTC).date()
        return [
            other
            for other in found
            if other.opportunity_id != entitlement.opportunity_id and other.ends_on >= today
        ]

    def _key(self, entitlement: EntitlementSpec) -> str:
        return effect_key(self._connection, ENTITLEMENT, entitlement.opportunity_id)


def _account(entitlement: EntitlementSpec) -> Subject:
    return Subject(kind="account", id=entitlement.account_id)
