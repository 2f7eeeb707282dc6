"""The judge: the definitions in force, applied to what the systems said."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from canonical.renewal import ReadinessSnapshot, RenewalDates
from canonical.renewal_messages import PlanRenewal, RenewalPlan, TakeSnapshot
from canonical.risk import AccountInvoices, RiskAssessment


class Judge(Protocol):
    """Pure decisions by one version of the catalogue."""

    def risk(
        self,
        account_id: str,
        own: Sequence[AccountInvoices],
        subsidiaries: Sequence[AccountInvoices],
        before: RiskAssessment | None,
        today: date,
    ) -> RiskAssessment:
        """The risk of an account; `before` keeps the level from falling while a source is away."""
        ...

    def plan(self, request: PlanRenewal) -> RenewalPlan:
        """When a contract renews and when to look."""
        ...

    def snapshot(self, request: TakeSnapshot) -> ReadinessSnapshot:
        """One view of a renewal."""
        ...

    def next_look(self, dates: RenewalDates, today: date) -> date | None:
        """The next day on which a renewal is looked at; None after the last."""
        ...
