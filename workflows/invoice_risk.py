"""Invoice risk to customer health: late invoices are a risk that people see, until it is over."""

import asyncio
from datetime import date, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

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
from workflows.showing import SHOW_PATIENCE, Showing
from workflows.steps import Undo, note
from workflows.visibility import begun_risk
from workflows.watching import morning

# How long what the CRM said of an account's family is taken for true.
FAMILY_KEPT = timedelta(days=7)
A_DAY = timedelta(days=1)
# How often a parent's process may end just before it is told.
MISSED_MAX = 3
PARENT = "parent"
LEVELS = list(RiskLevel)


@workflow.defn(name="invoice-risk-to-health")
class InvoiceRiskToHealth(Showing):
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
        self.family: AccountFamily | None = None
        self.family_due_on: date | None = None
        self.assessed = 0

    @workflow.run
    async def run(self, start: AccountRisk) -> RiskEnded:
        """Follow the account's invoices until none is late or disputed any more."""
        await self.perform()
        if self.stage == "completed" and self.reasons > self.assessed:
            self.start_anew()  # something happened while it ended
        return RiskEnded(stage=self.stage, account_id=self.account_id, worst=self.worst)

    async def fulfil(self) -> None:
        """Assess, show, wait for the next reason; until it is over and everybody was told so."""
        while True:
            self.assessed = self.reasons
            await self.look()
            self.show_everywhere()
            await self.tell_parent()
            over = self.risk.known and not self.risk.open
            if over and await self.everybody_told(reasons=self.assessed):
                return
            again = self.ask_again(known=self.risk.known)
            await self.until(
                morning(self.risk.changes_on), again, heard=lambda: self.reasons > self.assessed
            )

    async def look(self) -> None:
        """Ask the owners of its invoices, and the CRM who stands above and below an account that is
        at risk: of any other, nobody is told anything."""
        changes_on = self.risk.changes_on
        if self.at_risk or (changes_on is not None and changes_on <= self.today):
            said, _ = await asyncio.gather(self._all_invoices(), self.read_family())
        else:
            said = await self._all_invoices()
        await self.assess(said)
        if self.at_risk and await self.read_family():
            await self.assess(said)

    async def read_family(self) -> bool:
        """Whether the CRM told the family anew: asked once a week, or on the next day when it is
        away, while the family stays as it was."""
        if self.family_due_on is not None and self.today < self.family_due_on:
            return False
        family: AccountFamily | None = await self.answer(
            CrmActivities.family,
            self.account_id,
            connection=self.start.crm,
            summary="read the account's family",
        )
        self.family = family or self.family
        self.family_due_on = self.today + (FAMILY_KEPT if family else A_DAY)
        return family is not None

    async def assess(self, said: list[AccountInvoices]) -> None:
        """Judge the account as of today, from what the owners of its invoices say."""
        request = AssessRisk(
            account_id=self.account_id,
            cause=self.start.cause,
            today=self.today,
            sources=said,
            family=self.family,
        )
        before, self.risk = self.risk, await note(PortfolioActivities.assess_risk, request)
        self.worst = max(self.worst, self.risk.level, key=LEVELS.index)
        self.account_name, self.value = self.risk.account_name, self.risk.held
        if self.risk.level is not before.level or self.stage == "accepting":
            await self.resume()

    def show_everywhere(self) -> None:
        """Bring customer success and support to the newest assessment; neither holds the other."""
        self.bring_up_to_date(
            "show_risk",
            SuccessActivities.show_risk,
            self._showing_now,
            connection=self.start.success,
            undo=lambda: Undo(
                "take the risk off the company, close the call",
                SuccessActivities.withdraw_risk,
                self._showing_now(),
            ),
            says=_said,
        )
        self.bring_up_to_date(
            "flag_risk",
            SupportActivities.flag_risk,
            self._showing_now,
            connection=self.start.support,
            undo=lambda: Undo(
                "take the flag off the organization",
                SupportActivities.withdraw_flag,
                self._showing_now(),
            ),
            says=_said,
        )

    async def tell_parent(self) -> None:
        """A subsidiary's late payments are its parent's risk too."""
        parent_id, told = self.risk.parent_id, self.shown.get(PARENT, self.blank)
        if not parent_id or told == self.newest:
            return
        self.shown[PARENT] = self.newest
        parent = self.start.model_copy(
            update={"account_id": parent_id, "shown": {}, "worst": RiskLevel.NONE}
        )
        for _ in range(MISSED_MAX):
            try:
                await workflow.start_child_workflow(
                    InvoiceRiskToHealth.run,
                    parent,
                    id=invoice_risk_id(parent_id),
                    search_attributes=begun_risk(parent_id),
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                )
            except WorkflowAlreadyStartedError:
                if await self._tell(invoice_risk_id(parent_id)):
                    return
            else:
                return

    async def compensated(self) -> None:
        """Nobody watches any more: nothing is claimed of the account, nor counted for others."""
        await self.assess([])
        await self.tell_parent()

    @property
    def at_risk(self) -> bool:
        """Whether there is anything to tell."""
        return self.risk.level is not RiskLevel.NONE

    @property
    def newest(self) -> str:
        """The assessment that holds now."""
        return self.risk.digest

    @property
    def blank(self) -> str:
        """Where nobody was told of anything, it need not be told that nothing is late."""
        return "" if self.at_risk else self.risk.digest

    @property
    def untroubled_stage(self) -> str:
        """The level is the stage."""
        return self.risk.level.value

    def patience(self, step: str) -> timedelta:
        """What is shown to others can wait for them."""
        return SHOW_PATIENCE

    def start_anew(self) -> Any:
        """The next run knows what was shown, and to whom."""
        carried = {"shown": self.shown, "worst": self.worst}
        workflow.continue_as_new(self.start.model_copy(update=carried))

    def _showing_now(self) -> ShowRisk:
        return ShowRisk(account_id=self.account_id, cause=self.start.cause, digest=self.risk.digest)

    async def _all_invoices(self) -> list[AccountInvoices]:
        return await asyncio.gather(*(self._invoices(name) for name in self.start.sources))

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

    async def _tell(self, workflow_id: str) -> bool:
        """Whether the process was there to be told."""
        handle = workflow.get_external_workflow_handle(workflow_id)
        try:
            await handle.signal("business_event", {"id": self.risk.digest, "type": "risk.changed"})
        except FailureError:  # it ended in between
            return False
        return True


def _said(shown: ShownRisk) -> tuple[str, str]:
    return shown.digest, f"{shown.level} {shown.call_id}".strip()
