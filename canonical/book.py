"""The portfolio's book: what was assessed of accounts and renewals, as processes need it kept."""

from typing import Protocol

from canonical.effects import ProcessRef
from canonical.orders import Fact
from canonical.portfolio import ReadinessUpdate, RiskUpdate
from canonical.renewal_messages import PlanRenewal, RenewalPlan, TakenSnapshot, TakeSnapshot
from canonical.risk_messages import AssessedRisk, AssessRisk


class KeptRisk(Fact):
    """The newest assessment of an account, as others are shown it; `calls` when the CSM should be
    called because of the account's own invoices."""

    update: RiskUpdate
    digest: str
    calls: bool


class PortfolioBook(Protocol):
    """Keeps assessments and snapshots, judged by the definitions in force."""

    async def assess(self, request: AssessRisk, process: ProcessRef) -> AssessedRisk:
        """Judge an account from what the owners of its invoices said, and keep the assessment."""
        ...

    async def risk(self, account_id: str) -> KeptRisk | None:
        """The newest assessment of an account."""
        ...

    async def plan(self, request: PlanRenewal, process: ProcessRef) -> RenewalPlan:
        """Decide when a contract renews and when to look, and keep it as the contract's clock."""
        ...

    async def snapshot(self, request: TakeSnapshot, process: ProcessRef) -> TakenSnapshot:
        """Take and keep one view of a renewal; the first one opens the window, which is told."""
        ...

    async def readiness(self, account_id: str) -> ReadinessUpdate | None:
        """What the account's most urgent renewal looks like now."""
        ...

    async def readiness_of(self, connection: str, contract_id: str) -> ReadinessUpdate | None:
        """What a contract's renewal looks like now."""
        ...
