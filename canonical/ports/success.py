"""Customer success: companies, their people and the onboarding of an order."""

from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.plan import OnboardingSpec
from canonical.portfolio import ReadinessUpdate, RiskUpdate
from canonical.ports.port import Port
from canonical.renewal import OnboardingTasks


class SuccessPort(Port, Protocol):
    """The system of record of engagement: onboardings, calls to action, risk."""

    async def put_company(
        self, onboarding: OnboardingSpec, known_id: str | None, stamp: Stamp
    ) -> ExternalRef:
        """Create the account's company (and its contact person, when an e-mail is known), or bring
        the known one up to date. The vendor has no upsert: callers serialise writers by account."""
        ...

    async def find_company(self, account_id: str) -> ExternalRef | None:
        """The company that carries this account id; raises DuplicateRecord for several."""
        ...

    async def open_onboarding(
        self, onboarding: OnboardingSpec, company_id: str, stamp: Stamp
    ) -> ExternalRef:
        """Open the onboarding of an order as a call to action for the CSM."""
        ...

    async def find_onboarding(self, company_id: str, stamp: Stamp) -> ExternalRef | None:
        """The company's onboarding stamped with this key, closed ones left out."""
        ...

    async def close_onboarding(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Close the onboarding as no longer needed; harmless when it is closed."""
        ...

    async def put_risk(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef:
        """Show score, level, renewal priority, overdue amount and reasons on the company; level
        `none` clears them. Raises NotFound for an account without a company."""
        ...

    async def find_risk(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef | None:
        """The company, if it already shows exactly this risk."""
        ...

    async def open_risk_call(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef:
        """Open one call to action for the CSM about the account's late payments."""
        ...

    async def find_risk_call(self, account_id: str, stamp: Stamp) -> ExternalRef | None:
        """The call to action stamped with this key, closed ones left out."""
        ...

    async def close_risk_call(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Close it as done; harmless when it is closed."""
        ...

    async def onboarding_tasks(self, account_id: str) -> OnboardingTasks:
        """What of the account's implementation is open; nothing for an unknown account."""
        ...

    async def put_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef:
        """Show a renewal's date, state, forecast, reasons and snapshot id on the company."""
        ...

    async def find_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef | None:
        """The company, if it already shows exactly this readiness."""
        ...
