"""The portfolio: assessments and snapshots, judged by the catalogue and kept in the ledger."""

from temporalio import activity

from activities.context import current_process
from canonical.book import PortfolioBook
from canonical.gathering import AnswerBook, Answers, AnswersWanted
from canonical.renewal_messages import PlanRenewal, RenewalPlan, TakenSnapshot, TakeSnapshot
from canonical.risk_messages import AssessedRisk, AssessRisk


class PortfolioActivities:
    """What processes ask of our own rules and ledger; run as local activities, all repeatable."""

    def __init__(self, book: PortfolioBook, answers: AnswerBook) -> None:
        self._book = book
        self._answers = answers

    @activity.defn(name="portfolio.assess_risk")
    async def assess_risk(self, request: AssessRisk) -> AssessedRisk:
        """Judge an account's invoices, its subsidiaries' with them, and keep the assessment."""
        return await self._book.assess(request, current_process())

    @activity.defn(name="portfolio.plan_renewal")
    async def plan_renewal(self, request: PlanRenewal) -> RenewalPlan:
        """Which date a contract renews on, and when to look, by the catalogue of this moment; kept,
        so that a clock that is missing or wrong can be told."""
        return await self._book.plan(request, current_process())

    @activity.defn(name="portfolio.take_snapshot")
    async def take_snapshot(self, request: TakeSnapshot) -> TakenSnapshot:
        """One view of a renewal for everybody, kept under an id that follows from its content."""
        return await self._book.snapshot(request, current_process())

    @activity.defn(name="portfolio.answers")
    async def answers(self, wanted: AnswersWanted) -> Answers:
        """What was answered for this look in the morning's round, as far as it still holds."""
        return await self._answers.answers(wanted)
