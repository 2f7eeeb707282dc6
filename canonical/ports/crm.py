"""CRM: where the commercial order comes from, and where its outcome is written back."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Protocol

from canonical.effects import ExternalRef, Stamp
from canonical.orders import CommercialOrder, Fact
from canonical.portfolio import AccountFamily, ReadinessUpdate
from canonical.ports.port import Booking, Port
from canonical.renewal import RenewalOpportunity


class WriteBack(Fact):
    """What the CRM is told about an order (R144); empty strings where there is nothing to tell."""

    opportunity_id: str
    status: str
    subscription_id: str = ""
    sales_order_id: str = ""


class CrmPort(Port, Protocol):
    """The system of record of accounts, opportunities and commercial terms."""

    async def fetch_order(self, opportunity_id: str) -> CommercialOrder:
        """The authoritative order with its accounts and lines; raises NotFound, or the InvalidOrder
        kind that says what of it cannot be read (no account, money with too many decimals)."""
        ...

    def won(self) -> AsyncIterator[Booking]:
        """Every closed-won opportunity with its amount, oldest first."""
        ...

    async def write_back(self, outcome: WriteBack, stamp: Stamp) -> ExternalRef:
        """Tell the CRM what became of the order; the same call again changes nothing."""
        ...

    async def find_write_back(self, outcome: WriteBack, stamp: Stamp) -> ExternalRef | None:
        """The opportunity, if it already shows exactly this outcome and correlation id."""
        ...

    async def family(self, account_id: str) -> AccountFamily:
        """The account with its ancestors and all its subsidiaries; nobody but the survivor of one
        that was merged into another. Raises NotFound."""
        ...

    async def renewal_opportunity(
        self, account_id: str, opportunity_id: str, renews_on: date
    ) -> RenewalOpportunity:
        """The deal that renews what `opportunity_id` brought: of type renewal, of that account,
        naming it or closing nearest to the renewal. Without one, only account and time are set.
        """
        ...

    async def put_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef:
        """Show a renewal's readiness on the deal that brought the contract."""
        ...

    async def find_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef | None:
        """The deal, if it already shows exactly this readiness."""
        ...
