"""Invoice risk to customer health: late invoices are a risk that people see, until it is over."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio import workflow

from activities.crm import CrmActivities
from activities.finance import FinanceActivities
from activities.portfolio import PortfolioActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from canonical.desk import COMPLETED
from canonical.messages import BusinessEvent
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
from workflows.showing import Showing, Withdrawal
from workflows.sources import Question, Sources
from workflows.steps import note
from workflows.telling import begin_or_tell
from workflows.visibility import begun_risk
from workflows.watching import morning

# How long what the CRM said of an account's family is taken for true.
FAMILY_KEPT = timedelta(days=14)
PARENT = "parent"
LEVELS = list(RiskLevel)
# What operators find an account by that somebody is shown as a risk; at which level changes more
# often, and is in the details and in the ledger.
AT_RISK = "at_risk"


class RiskSource(StrEnum):
    """What an account's risk is made of, in the order in which it is asked for; who has the last
    of its invoices judges all of them."""

    FAMILY = "the account's family"
    INVOICES = "open invoices"
    RISK = "the account's risk"


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
        self.sources = Sources(RiskSource, self.answer)
        self.family: AccountFamily | None = None
        self.assessed = 0

    @workflow.run
    async def run(self, start: AccountRisk) -> RiskEnded:
        """Follow the account's invoices until none is late or disputed any more."""
        await self.perform()
        if self.stage == COMPLETED and self.reasons > self.assessed:
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
            self.sources.plan_to_ask_again()
            await self.until(
                morning(self.risk.changes_on),
                self.sources.again_at,
                heard=lambda: self.reasons > self.assessed,
            )

    async def look(self) -> None:
        """Ask the owners of its invoices, and the CRM who stands above and below an account that is
        at risk: of any other, nobody is told anything."""
        wanted = self.family_if_due if self.is_to_be_at_risk else set[RiskSource]()
        await self.inquire({RiskSource.INVOICES, *wanted})
        await self.ask_for_risk()
        if not self.at_risk:
            self.sources.dismiss(RiskSource.FAMILY)
        elif RiskSource.FAMILY not in wanted and self.family_if_due:
            await self.inquire(self.family_if_due)
            await self.assess(sources=None)

    async def inquire(self, wanted: Iterable[RiskSource]) -> None:
        """Ask some of the sources; a family that is not answered stays as it was."""
        account = AccountQuestion(account_id=self.account_id, today=self.today, since=self.today)
        others = self.start.sources[:-1]
        questions = {
            RiskSource.FAMILY: Question(CrmActivities.family, self.account_id, [self.start.crm]),
            RiskSource.INVOICES: Question(FinanceActivities.invoices, account, others),
        }
        await self.sources.ask({one: questions[one] for one in wanted}, self.today)
        self.family = self.sources.said(RiskSource.FAMILY) or self.family

    async def ask_for_risk(self) -> None:
        """The last of the owners judges the account, knowing what the others say; where it is away,
        what it would say is not known."""
        last = self.start.sources[-1:]
        request = self.assessing(self.invoices)
        question = Question(FinanceActivities.assess_risk, request, last)
        await self.sources.ask({RiskSource.RISK: question}, self.today)
        if (found := self.sources.said(RiskSource.RISK)) is not None:
            self.take(found)
        else:
            await self.assess(sources=[*self.invoices, *map(self.unknown, last)])

    async def assess(self, *, sources: list[AccountInvoices] | None) -> None:
        """Judge the account from what the owners of its invoices say, or have said."""
        self.take(await note(PortfolioActivities.assess_risk, self.assessing(sources)))

    def assessing(self, sources: list[AccountInvoices] | None) -> AssessRisk:
        """What is asked of whoever judges the account, as of today."""
        return AssessRisk(
            account_id=self.account_id,
            cause=self.start.cause,
            today=self.today,
            sources=sources,
            family=self.family,
        )

    def take(self, found: AssessedRisk) -> None:
        """Go by an assessment, with which the ledger has where the process stands."""
        before, self.risk = self.risk, found
        self.worst = max(self.worst, found.level, key=LEVELS.index)
        self.account_name, self.value = found.account_name, found.held
        if found.level is not before.level or self.stage == "accepting":
            self.enter(self.present_stage)

    def show_everywhere(self) -> None:
        """Bring customer success and support to the newest assessment; neither holds the other."""
        self.bring_up_to_date(
            "show_risk",
            SuccessActivities.show_risk,
            self.start.success,
            Withdrawal(
                "take the risk off the company, close the call", SuccessActivities.withdraw_risk
            ),
        )
        self.bring_up_to_date(
            "flag_risk",
            SupportActivities.flag_risk,
            self.start.support,
            Withdrawal("take the flag off the organization", SupportActivities.withdraw_flag),
        )

    async def tell_parent(self) -> None:
        """A subsidiary's late payments are its parent's risk too."""
        parent_id, told = self.risk.parent_id, self.shown.get(PARENT, self.blank)
        if not parent_id or told == self.newest:
            return
        self.shown[PARENT] = self.newest
        parent = {"account_id": parent_id, "shown": {}, "worst": RiskLevel.NONE}
        await begin_or_tell(
            InvoiceRiskToHealth.run,
            self.start.model_copy(update=parent),
            workflow_id=invoice_risk_id(parent_id),
            search_attributes=begun_risk(parent_id),
            told=BusinessEvent(id=self.risk.digest, type="risk.changed"),
        )

    async def compensated(self) -> None:
        """Nobody watches any more: nothing is claimed of the account, nor counted for others."""
        await self.assess(sources=[])
        await self.tell_parent()

    @property
    def at_risk(self) -> bool:
        """Whether there is anything to tell."""
        return self.risk.level is not RiskLevel.NONE

    @property
    def is_to_be_at_risk(self) -> bool:
        """Whether the day alone makes it so; what was told more often makes it better."""
        if self.stage == "accepting":
            return self.reasons <= 1  # nothing but what it was begun for
        changes_on = self.risk.changes_on
        return changes_on is not None and changes_on <= self.today

    @property
    def invoices(self) -> list[AccountInvoices]:
        """What each owner of its invoices but the last says."""
        said = self.sources.all_said(RiskSource.INVOICES)
        return [answer or self.unknown(name) for name, answer in said.items()]

    def unknown(self, connection: str) -> AccountInvoices:
        """What an owner of its invoices says that is away: that it is not known."""
        return AccountInvoices(
            account_id=self.account_id, connection=connection, as_of=workflow.now(), known=False
        )

    @property
    def family_if_due(self) -> set[RiskSource]:
        """The family is asked for every two weeks, and for as long as it is not known."""
        due = self.sources.is_due(RiskSource.FAMILY, self.today, kept=FAMILY_KEPT)
        return {RiskSource.FAMILY} if due else set()

    @property
    def newest(self) -> str:
        """The assessment that holds now."""
        return self.risk.digest

    @property
    def to_show(self) -> ShowRisk:
        """The newest assessment; who shows it reads it from the ledger."""
        return ShowRisk(account_id=self.account_id, cause=self.start.cause, digest=self.risk.digest)

    @property
    def blank(self) -> str:
        """Where nobody was told of anything, it need not be told that nothing is late."""
        return "" if self.at_risk else self.risk.digest

    @property
    def untroubled_stage(self) -> str:
        """The level is the stage."""
        return self.risk.level.value

    @property
    def listed_stage(self) -> str:
        """Whether it is at risk at all, instead of the level."""
        return AT_RISK if self.stage in LEVELS[1:] else self.stage

    def reference_of(self, shown: ShownRisk) -> str:
        """The level that is shown, and the call to the CSM."""
        return f"{shown.level} {shown.call_id}".strip()

    def digest_shown(self, shown: ShownRisk) -> str:
        """A system may have been shown a newer assessment."""
        return shown.digest

    def start_anew(self) -> Any:
        """The next run knows what was shown, and to whom."""
        carried = {"shown": self.shown, "worst": self.worst}
        workflow.continue_as_new(self.start.model_copy(update=carried))
