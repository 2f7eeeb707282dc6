"""What customer success, support and the CRM are told of an account's risk and renewal."""

from datetime import date
from typing import Self

from canonical.money import Money
from canonical.orders import Account, Fact
from canonical.renewal import ForecastCategory, ReadinessState
from canonical.risk import RenewalPriority, RiskLevel


class AccountFamily(Fact):
    """An account with everybody above and below it; `parent_id` of each leads upwards.

    `merged_into` is the account that took over from one that the CRM has no more.
    """

    account_id: str
    accounts: list[Account]
    merged_into: str = ""

    @property
    def parent_id(self) -> str:
        """The account directly above, or the one that took over; empty at the top, or when the CRM
        does not show it."""
        if self.merged_into:
            return self.merged_into
        known = {account.id: account for account in self.accounts}
        parent = known[self.account_id].parent_id if self.account_id in known else ""
        return parent if parent in known else ""

    @property
    def subsidiaries(self) -> list[str]:
        """Every account below, the nearest first; a circle of parents is walked once."""
        found: list[str] = []
        level = [self.account_id]
        while level:
            below = [a.id for a in self.accounts if a.parent_id in level]
            level = [a for a in below if a not in found and a != self.account_id]
            found += level
        return found


class RiskUpdate(Fact):
    """An account's payment risk as other systems show it; equal content is the same update."""

    account_id: str
    level: RiskLevel
    score: int
    renewal_priority: RenewalPriority
    overdue: list[Money] = []
    oldest_days: int = 0
    reasons: list[str] = []

    @classmethod
    def none(cls, account_id: str) -> Self:
        """What is shown of an account of which there is nothing to tell."""
        return cls(
            account_id=account_id,
            level=RiskLevel.NONE,
            score=0,
            renewal_priority=RenewalPriority.NORMAL,
        )


class ReadinessUpdate(Fact):
    """A renewal's readiness as other systems show it."""

    account_id: str
    opportunity_id: str
    contract_id: str
    snapshot_id: str
    renews_on: date
    state: ReadinessState
    forecast: ForecastCategory
    blocking: list[str] = []
