"""Support: organizations and the entitlement they have."""

from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.plan import EntitlementSpec
from canonical.ports.port import Port


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
