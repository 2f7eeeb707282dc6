"""Invoice risk to customer health: late invoices are a risk that people see, until it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.crm import CrmActivities
from activities.finance import FinanceActivities
from activities.portfolio import PortfolioActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from canonical.portfolio import AccountFamily
from canonical.risk import AccountInvoices, RiskLevel
from canonical.risk_messages import (
    AccountQuestion,
    AccountRisk,
    AssessedRisk,
    AssessRisk,
    RiskEnded,
    ShownRisk,
    ShowRisk,
    invoice_risk_id,
)
from workflows.steps import note
from workflows.watching import Watching

# Customer success may be away for days; what it is then told is the newest assessment.
SHOW_PATIENCE = timedelta(days=14)
ASK_AGAIN = timedelta(hours=1)
LEVELS = list(RiskLevel)


@workflow.defn(name="invoice-risk-to-health")
class InvoiceRiskToHealth(Watching):
    """One account's late payments, from the first overdue invoice until nothing is late (R75, R81).

    What it shows is what the invoices' owner says at that moment: a payment that arrives before
    anybody was told leaves no trace.
    """

    @workflow.init
    def __init__(self, start: AccountRisk) -> None:
        super().__init__(start.account_id)
        self.start = start
        self.account_id = start.account_id
        self.risk = AssessedRisk()
        self.worst = start.worst
        self.shown = dict(start.shown)

    @workflow.run
    async def run(self, start: AccountRisk) -> RiskEnded:
        """Follow the account's invoices until none is late or disputed any more."""
        await self.perform()
        return RiskEnded(stage=self.stage, account_id=self.account_id, worst=self.worst)

    async def fulfil(self) -> None:
        """Assess, show, wait for the next reason."""
        family = await self.read_family()
        while True:
            reasons = self.reasons
            await self.assess(family)
            await self.show_everywhere()
            await self.tell_parent()
            if not self.risk.open and self.risk.known:
                return
            again = None if self.risk.known else ASK_AGAIN
            await self.until(self.risk.changes_on, reasons=reasons, at_most=again)

    async def read_family(self) -> AccountFamily | None:
        """Who stands above and below the account; None when nobody can say."""
        return await self.answer(
            CrmActivities.family,
            self.account_id,
            connection=self.start.crm,
            summary="read the account's family",
        )

    async def assess(self, family: AccountFamily | None) -> None:
        """Read every open invoice from its owner, and judge the account as of today."""
        sources = await asyncio.gather(*(self._invoices(name) for name in self.start.sources))
        request = AssessRisk(
            account_id=self.account_id,
            cause=self.start.cause,
            today=self.today,
            sources=sources,
            family=family,
        )
        before, self.risk = self.risk, await note(PortfolioActivities.assess_risk, request)
        self.worst = max(self.worst, self.risk.level, key=LEVELS.index)
        self.account_name, self.value = self.risk.account_name, self.risk.held
        if self.risk.level is not before.level or self.stage == "accepting":
            self.enter(self.risk.level.value)
            await self.record_standing()

    async def show_everywhere(self) -> None:
        """Bring customer success and support to the newest assessment; neither holds the other."""
        if self.risk.level is RiskLevel.NONE and not self.shown:
            return  # nobody was told of anything
        await asyncio.gather(
            self._show("show_risk", SuccessActivities.show_risk, self.start.success),
            self._show("flag_risk", SupportActivities.flag_risk, self.start.support),
        )

    async def tell_parent(self) -> None:
        """A subsidiary's late payments are its parent's risk too."""
        if not self.risk.parent_id or self.shown.get("parent") == self.risk.digest:
            return
        if self.risk.level is RiskLevel.NONE and "parent" not in self.shown:
            return
        self.shown["parent"] = self.risk.digest
        parent = self.start.model_copy(
            update={"account_id": self.risk.parent_id, "shown": {}, "worst": RiskLevel.NONE}
        )
        try:
            await workflow.start_child_workflow(
                InvoiceRiskToHealth.run,
                parent,
                id=invoice_risk_id(self.risk.parent_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )
        except WorkflowAlreadyStartedError:
            await self._tell(invoice_risk_id(self.risk.parent_id))

    def patience(self, step: str) -> timedelta:
        """What is shown to others can wait for them."""
        return SHOW_PATIENCE

    def start_anew(self) -> Any:
        """The next run knows what was shown, and to whom."""
        carried = {"shown": self.shown, "worst": self.worst}
        workflow.continue_as_new(self.start.model_copy(update=carried))

    async def _invoices(self, connection: str) -> AccountInvoices:
        question = AccountQuestion(account_id=self.account_id, today=self.today, since=self.today)
        said = await self.answer(
            FinanceActivities.invoices,
            question,
            connection=connection,
            summary="read open invoices",
        )
        away = AccountInvoices(
            account_id=self.account_id, connection=connection, as_of=workflow.now(), known=False
        )
        return said or away

    async def _show(
        self, name: str, activity: Callable[[Any, ShowRisk], Awaitable[ShownRisk]], connection: str
    ) -> None:
        if not connection or self.shown.get(name) == self.risk.digest:
            return
        self.steps = [step for step in self.steps if step.name != name]
        shown = await self.step(
            name,
            activity,
            lambda: ShowRisk(
                account_id=self.account_id, cause=self.start.cause, digest=self.risk.digest
            ),
            connection=lambda: connection,
            reference=lambda shown: f"{shown.level} {shown.call_id}".strip(),
        )
        self.shown[name] = shown.digest if shown else self.risk.digest

    async def _tell(self, workflow_id: str) -> None:
        handle = workflow.get_external_workflow_handle(workflow_id)
        try:
            await handle.signal("business_event", {"id": self.risk.digest, "type": "risk.changed"})
        except Exception:  # it ended in between: it then saw our assessment, or has nothing to see
            workflow.logger.debug("%s has ended", workflow_id)
