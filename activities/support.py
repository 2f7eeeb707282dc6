"""Support activities: an account's entitlement and payment risk, and what its cases are."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta

from temporalio import activity

from activities import showing
from activities.context import current_process
from canonical.book import PortfolioBook
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.ids import effect_key
from canonical.milestones import Milestone
from canonical.plan import EntitlementSpec
from canonical.ports.support import SupportPort
from canonical.renewal import IncidentFacts
from canonical.risk_messages import AccountQuestion, ShownRisk, ShowRisk
from domain.entitlements import combine

ENTITLEMENT = "entitlement"
INCIDENTS_WINDOW = timedelta(days=90)


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
        book: PortfolioBook,
    ) -> None:
        self._port = port
        self._connection = connection
        self._effects = effects
        self._tiers = tiers
        self._book = book

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
                scope=showing.organization_scope(self._connection, entitlement.account_id),
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

    @activity.defn(name="support.flag_risk")
    async def flag_risk(self, request: ShowRisk) -> ShownRisk:
        """Show the account's newest payment risk on its organization (R75)."""
        return await showing.flag_risk(
            self._port, self._connection, self._effects, self._book, request
        )

    @activity.defn(name="support.withdraw_flag")
    async def withdraw_flag(self, request: ShowRisk) -> ShownRisk:
        """Undo of `flag_risk`: the organization shows no risk."""
        return await showing.withdraw_flag(self._port, self._connection, self._effects, request)

    @activity.defn(name="support.incidents")
    async def incidents(self, question: AccountQuestion) -> IncidentFacts:
        """What the account's cases are and were in the last 90 days (R76)."""
        since = datetime.combine(question.today, time.min, UTC) - INCIDENTS_WINDOW
        return await self._port.incidents(question.account_id, since)

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
