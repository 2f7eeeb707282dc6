"""Customer-success activities: onboardings, and what the CSM is shown of risk and renewals."""

from temporalio import activity

from activities import showing
from activities.context import current_process
from activities.master import put_master_record
from canonical.book import PortfolioBook
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.ids import effect_key
from canonical.plan import OnboardingSpec
from canonical.ports.success import SuccessPort
from canonical.renewal import OnboardingTasks
from canonical.renewal_messages import ShowReadiness
from canonical.requests import Onboarding
from canonical.risk_messages import AccountQuestion, ShownRisk, ShowRisk

COMPANY = "company"
ONBOARDING = "onboarding"


class SuccessActivities:
    """What processes ask of one customer-success connection."""

    def __init__(
        self, port: SuccessPort, connection: str, effects: Effects, book: PortfolioBook
    ) -> None:
        self._port = port
        self._connection = connection
        self._effects = effects
        self._book = book

    @activity.defn(name="success.start_onboarding")
    async def start_onboarding(self, onboarding: OnboardingSpec) -> Onboarding:
        """Make the company known and open its onboarding for the CSM (R72)."""
        company = await self._put_company(onboarding)

        async def write(stamp: Stamp) -> ExternalRef:
            return await self._port.open_onboarding(onboarding, company.id, stamp)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_onboarding(company.id, stamp)

        opened = await self._effects.once(
            Effect(
                key=self._key(onboarding),
                connection=self._connection,
                kind=ONBOARDING,
                subject=Subject(kind="opportunity", id=onboarding.opportunity_id),
                request=onboarding,
                scope=self._key(onboarding),
                process=current_process(),
                legal_entity=onboarding.legal_entity,
            ),
            write,
            probe,
        )
        return Onboarding(company_id=company.id, onboarding_id=opened.id)

    @activity.defn(name="success.close_onboarding")
    async def close_onboarding(self, onboarding: OnboardingSpec) -> ExternalRef | None:
        """Undo of the start; the company stays."""
        process = current_process()
        key = self._key(onboarding)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            account = Subject(kind="account", id=onboarding.account_id)
            company_id = await self._effects.external_id(self._connection, COMPANY, account)
            if company_id is None:
                return None
            return await self._port.find_onboarding(company_id, stamp)

        async def reverse(ref: ExternalRef) -> None:
            stamp = Stamp(key=key, token="", correlation_id=process.correlation_id)
            await self._port.close_onboarding(ref, stamp)

        return await self._effects.undo(key, process, probe, reverse)

    @activity.defn(name="success.show_risk")
    async def show_risk(self, request: ShowRisk) -> ShownRisk:
        """Show the account's newest risk on its company, with one call to action for the CSM."""
        return await showing.show_risk(
            self._port, self._connection, self._effects, self._book, request
        )

    @activity.defn(name="success.withdraw_risk")
    async def withdraw_risk(self, request: ShowRisk) -> ShownRisk:
        """Undo of `show_risk`: the company shows no risk, and the call is closed."""
        return await showing.withdraw_risk(self._port, self._connection, self._effects, request)

    @activity.defn(name="success.onboarding_tasks")
    async def onboarding_tasks(self, question: AccountQuestion) -> OnboardingTasks:
        """What of the account's implementation is open (R76)."""
        return await self._port.onboarding_tasks(question.account_id)

    @activity.defn(name="success.show_readiness")
    async def show_readiness(self, request: ShowReadiness) -> ExternalRef:
        """Show the account's most urgent renewal on its company (R78)."""
        readiness = await self._book.readiness(request.account_id)
        return await showing.show_readiness(
            self._port, self._connection, self._effects, readiness, request
        )

    async def _put_company(self, onboarding: OnboardingSpec) -> ExternalRef:
        # Only what describes the company decides whether it has to be written again.
        facts = onboarding.model_dump(
            mode="json", include={"account_id", "name", "legal_entity", "tier", "email"}
        )
        return await put_master_record(
            self._effects,
            connection=self._connection,
            kind=COMPANY,
            account_id=onboarding.account_id,
            legal_entity=onboarding.legal_entity,
            request=facts,
            put=lambda known, stamp: self._port.put_company(onboarding, known, stamp),
            find=lambda: self._port.find_company(onboarding.account_id),
        )

    def _key(self, onboarding: OnboardingSpec) -> str:
        return effect_key(self._connection, ONBOARDING, onboarding.opportunity_id)
