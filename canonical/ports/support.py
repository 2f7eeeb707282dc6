"""Support: organizations and the entitlement they have."""

from datetime import datetime
from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.plan import EntitlementSpec
from canonical.portfolio import RiskUpdate
from canonical.ports.port import Port
from canonical.renewal import IncidentFacts


class SupportPort(Port, Protocol):
    """The system of record of cases; it is told what each customer is entitled to."""

    async def put_entitlement(self, entitlement: EntitlementSpec, stamp: Stamp) -> ExternalRef:
        """Bring the account's organization to this tier and end date, creating it if need be."""
        ...

    async def find_entitlement(
        self, entitlement: EntitlementSpec, stamp: Stamp
    ) -> ExternalRef | None:
        """The account's organization, if it already shows exactly this tier, end date and stamp."""
        ...

    async def withdraw_entitlement(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Leave the organization without an entitlement; harmless when it has none."""
        ...

    async def incidents(self, account_id: str, since: datetime) -> IncidentFacts:
        """What the account's cases are and were since then; none where support does not know it."""
        ...

    async def put_risk_flag(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef:
        """Show the account's payment risk on its organization; level `none` takes the flag away.
        Raises NotFound for an account without an organization."""
        ...

    async def find_risk_flag(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef | None:
        """The organization, if it already shows exactly this level."""
        ...
