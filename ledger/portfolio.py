"""The portfolio's book in SQL: what was assessed of accounts, and every view of a renewal."""

from collections.abc import Callable

from canonical.book import KeptRisk
from canonical.connections import Environment
from canonical.effects import ProcessRef
from canonical.portfolio import ReadinessUpdate
from canonical.renewal_messages import PlanRenewal, RenewalPlan, TakenSnapshot, TakeSnapshot
from canonical.risk_messages import AssessedRisk, AssessRisk
from domain.judging import Judge
from ledger.clock import Clock, utc_now
from ledger.clocks import keep_plan
from ledger.database import Database
from ledger.risk_book import keep_assessment, kept_risk
from ledger.snapshot_book import keep_snapshot, shown_of_account, shown_of_contract


class SqlPortfolio:
    """`canonical.book.PortfolioBook` over a ledger; `judge` gives the definitions in force."""

    def __init__(
        self,
        db: Database,
        judge: Callable[[], Judge],
        *,
        environment: Environment = Environment.TEST,
        clock: Clock = utc_now,
    ) -> None:
        self._db = db
        self._judge = judge
        self._environment = environment
        self._clock = clock

    async def assess(self, request: AssessRisk, process: ProcessRef) -> AssessedRisk:
        """Judge an account from what the owners of its invoices said, and keep the assessment."""
        judge = self._judge()
        return await self._db.run(
            lambda s: keep_assessment(s, judge, request, process, self._clock())
        )

    async def risk(self, account_id: str) -> KeptRisk | None:
        """The newest assessment of an account."""
        return await self._db.read(lambda s: kept_risk(s, account_id))

    async def plan(self, request: PlanRenewal, process: ProcessRef) -> RenewalPlan:
        """Decide when a contract renews and when to look, and keep it as the contract's clock."""
        plan = self._judge().plan(request)
        await self._db.run(lambda s: keep_plan(s, request, plan, process, self._clock()))
        return plan

    async def snapshot(self, request: TakeSnapshot, process: ProcessRef) -> TakenSnapshot:
        """Take and keep one view of a renewal; the first one opens the window, which is told."""
        judge = self._judge()
        judged = judge.snapshot(request)
        next_look = judge.next_look(judged.dates, request.today or request.at.date())
        new = await self._db.run(
            lambda s: keep_snapshot(
                s, request, judged, next_look, process, self._environment, self._clock()
            )
        )
        return TakenSnapshot(
            snapshot_id=judged.snapshot_id,
            state=judged.state,
            forecast=judged.forecast,
            blocking=judged.blocking,
            unknown=[signal.name for signal in judged.signals if signal.state == "unknown"],
            troubled=[signal.name for signal in judged.signals if signal.state != "green"],
            outcome=judged.outcome,
            next_look=next_look,
            new=new,
        )

    async def readiness(self, account_id: str) -> ReadinessUpdate | None:
        """What the account's most urgent renewal looks like now."""
        return await self._db.read(lambda s: shown_of_account(s, account_id))

    async def readiness_of(self, connection: str, contract_id: str) -> ReadinessUpdate | None:
        """What a contract's renewal looks like now."""
        return await self._db.read(lambda s: shown_of_contract(s, connection, contract_id))
