"""Customer success: companies, their people and the onboarding of an order."""

from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.plan import OnboardingSpec
from canonical.ports.port import Port


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
