"""Renewal readiness: a clock per contract, and one view of its renewal for everybody (R76-R83)."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow

from activities.crm import CrmActivities
from activities.finance import FinanceActivities
from activities.portfolio import PortfolioActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from activities.usage import UsageActivities
from canonical.messages import BusinessEvent
from canonical.renewal import ContractTerms
from canonical.renewal_messages import (
    ContractQuestion,
    PlanRenewal,
    RenewalEnded,
    RenewalPlan,
    RenewalQuestion,
    RenewalStart,
    ShowReadiness,
    TakenSnapshot,
    TakeSnapshot,
)
from canonical.risk import AccountInvoices
from canonical.risk_messages import AccountQuestion
from workflows.steps import note
from workflows.watching import Watching

HISTORY = timedelta(days=365)
SHOW_PATIENCE = timedelta(days=14)
# A source that was away is asked again: soon, then less and less often.
ASK_AGAIN = timedelta(hours=1)
ASK_AGAIN_MAX = timedelta(days=1)


@workflow.defn(name="renewal-readiness")
class RenewalReadiness(Watching):
    """One contract's renewal: the window opens at T-90, and closes with the renewal's outcome.

    The view is assembled from five sources side by side. One that is down is unknown, never green,
    and is asked again.
    """

    @workflow.init
    def __init__(self, start: RenewalStart) -> None:
        super().__init__(start.contract_id)
        self.start = start
        self.terms: ContractTerms | None = None
        self.plan = RenewalPlan()
        self.seen: TakenSnapshot | None = None
        self.shown = dict(start.shown)
        self._amended = False
        self._asked_again = 0

    @workflow.run
    async def run(self, start: RenewalStart) -> RenewalEnded:
        """Keep the contract's clock until its renewal has an outcome."""
        await self.perform()
        outcome = self.seen.outcome if self.seen else None
        return RenewalEnded(stage=self.stage, contract_id=start.contract_id, outcome=outcome)

    async def fulfil(self) -> None:
        """Read the terms; wait for the window; look, show, and look again until it is decided."""
        while True:
            reasons = self.reasons
            if self.terms is None or self._amended:
                await self.read_terms()
            if self.plan.dates is None:
                return  # nothing that could renew
            if self.plan.window_open:
                await self.look()
                if self.seen and self.seen.outcome is not None:
                    return
            reason = await self.until(
                self.plan.next_look, reasons=reasons, at_most=self._ask_again()
            )
            if not reason and not self.plan.window_open:
                await self.decide_dates()

    async def read_terms(self) -> None:
        """The contract's dates from its owner, and when to look by the catalogue of this moment."""
        self._amended = False
        self.terms = await self.gate(
            "read_terms",
            FinanceActivities.contract,
            lambda: ContractQuestion(contract_id=self.start.contract_id),
            connection=lambda: self.start.connection,
            reference=lambda terms: f"until {terms.ends_on}",
        )
        await self.decide_dates()
        if self.stage == "accepting":
            self.account_id, self.legal_entity = self.terms.account_id, self.terms.legal_entity
            self.value = self.terms.value
            self.enter("waiting")
            await self.record_standing()

    async def decide_dates(self) -> None:
        """Which date wins, and when to look next."""
        assert self.terms is not None
        request = PlanRenewal(
            terms=self.terms,
            today=self.today,
            opportunity_id=self.start.opportunity_id,
            follows=self.start.follows,
        )
        self.plan = await note(PortfolioActivities.plan_renewal, request)

    async def look(self) -> None:
        """Ask the five sources, take one snapshot of what they say, and show it."""
        assert self.terms is not None
        assert self.plan.dates is not None
        if self.stage != "window_open":
            self.enter("window_open")
            await self.record_standing()
        asked = await self.ask_sources(self.terms)
        self.seen = await note(PortfolioActivities.take_snapshot, asked)
        self.plan = self.plan.model_copy(update={"next_look": self.seen.next_look})
        await asyncio.gather(
            self._show("show_readiness", SuccessActivities.show_readiness, self.start.success),
            self._show("tell_crm", CrmActivities.show_readiness, self.start.crm),
        )

    async def ask_sources(self, terms: ContractTerms) -> TakeSnapshot:
        """What billing history, support, usage, implementation and the CRM say, side by side."""
        start, dates = self.start, self.plan.dates
        assert dates is not None
        question = AccountQuestion(
            account_id=terms.account_id, today=self.today, since=self.today - HISTORY
        )
        renewal = RenewalQuestion(
            account_id=terms.account_id,
            opportunity_id=start.opportunity_id,
            renews_on=dates.renews_on,
        )
        invoices, incidents, adoption, tasks, opportunity = await asyncio.gather(
            asyncio.gather(*(self._invoices(name, question) for name in start.sources)),
            self._ask("support", SupportActivities.incidents, question, start.support),
            self._ask("usage", UsageActivities.adoption, question, start.usage),
            self._ask("tasks", SuccessActivities.onboarding_tasks, question, start.success),
            self._ask("renewal deal", CrmActivities.renewal_opportunity, renewal, start.crm),
        )
        return TakeSnapshot(
            start=start,
            terms=terms,
            dates=dates,
            at=workflow.now(),
            invoices=[one for one in invoices if one is not None],
            sources_away=[n for n, one in zip(start.sources, invoices, strict=True) if one is None],
            incidents=incidents,
            adoption=adoption,
            tasks=tasks,
            opportunity=opportunity,
        )

    def heard(self, event: BusinessEvent) -> None:
        """An amendment moves the clock; anything else is a reason to look only in the window."""
        self._amended = self._amended or event.type.startswith("contract.")
        if self._amended or self.stage == "window_open":
            super().heard(event)

    def patience(self, step: str) -> timedelta:
        """What is shown to others can wait for them."""
        return super().patience(step) if step == "read_terms" else SHOW_PATIENCE

    def start_anew(self) -> Any:
        """The next run knows what was shown."""
        workflow.continue_as_new(self.start.model_copy(update={"shown": self.shown}))

    def _ask_again(self) -> timedelta | None:
        if self.seen is None or not self.seen.unknown or not self.plan.window_open:
            self._asked_again = 0
            return None
        pause: timedelta = min(ASK_AGAIN * 2**self._asked_again, ASK_AGAIN_MAX)
        self._asked_again = min(self._asked_again + 1, 10)
        return pause

    async def _invoices(self, connection: str, question: AccountQuestion) -> AccountInvoices | None:
        said: AccountInvoices | None = await self._ask(
            "invoices", FinanceActivities.invoices, question, connection
        )
        return said

    async def _ask(self, what: str, activity: Any, request: Any, connection: str) -> Any:
        if not connection:
            return None  # not configured is not known
        return await self.answer(
            activity, request, connection=connection, summary=f"read {what} for the renewal"
        )

    async def _show(self, name: str, activity: Any, connection: str) -> None:
        assert self.terms is not None
        assert self.seen is not None
        wanted = self.seen.snapshot_id
        if not connection or self.shown.get(name) == wanted:
            return
        request = ShowReadiness(
            contract_id=self.start.contract_id,
            connection=self.start.connection,
            account_id=self.terms.account_id,
            snapshot_id=wanted,
        )
        self.steps = [step for step in self.steps if step.name != name]
        await self.step(name, activity, lambda: request, connection=lambda: connection)
        self.shown[name] = wanted
