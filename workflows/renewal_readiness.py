"""Renewal readiness: a clock per contract, and one view of its renewal for everybody (R76-R83)."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from temporalio import workflow

from activities.crm import CrmActivities
from activities.finance import FinanceActivities
from activities.portfolio import PortfolioActivities
from activities.success import SuccessActivities
from canonical.effects import ExternalRef
from canonical.gathering import RenewalSource
from canonical.messages import BusinessEvent
from canonical.renewal import ContractTerms, RenewalDates, RenewalOutcome
from canonical.renewal_messages import (
    ContractQuestion,
    OpenWindow,
    PlanRenewal,
    RenewalEnded,
    RenewalMemory,
    RenewalPlan,
    RenewalStart,
    ShowReadiness,
    TakenSnapshot,
    TakeSnapshot,
)
from workflows.gathering import FRESH, on_record
from workflows.renewal_sources import (
    ABOUT,
    EVERYTHING,
    SIGNALS,
    due_by_calendar,
    questions,
    with_answers,
)
from workflows.showing import Showing
from workflows.sources import Sources
from workflows.steps import PATIENCE, note
from workflows.watching import MORNING, morning

# With these the contract itself has ended; after the others it may go on, and its clock with it.
FINAL = (RenewalOutcome.CANCELLED, RenewalOutcome.LAPSED)


class Reasons(NamedTuple):
    """Whom to ask: those of whom something was heard, or who are to be asked again, and those whom
    the calendar calls for."""

    told: frozenset[RenewalSource]
    due: frozenset[RenewalSource] = frozenset()


@workflow.defn(name="renewal-readiness")
class RenewalReadiness(Showing):
    """One contract's renewals: each window opens at T-90, and closes with the renewal's outcome.

    The view is assembled from five sources side by side. One that is down is unknown, never green,
    and is asked again. A contract has one clock for its whole life: each term begins a new run.
    """

    @workflow.init
    def __init__(self, start: RenewalStart) -> None:
        super().__init__(start.contract_id)
        memory = start.memory
        self.start = start
        self.window, self.outcome = memory.window, memory.outcome
        self.renewed_on, self.account_id = memory.renewed_on, memory.account_id
        self.snapshot_id, self.shown = memory.newest, dict(memory.shown)
        self.sources = Sources(RenewalSource, self.answer)
        self.terms: ContractTerms | None = memory.terms
        self.plan = memory.plan or RenewalPlan()
        self._news: set[RenewalSource] = set()
        self._woken_at = self._looked_at = self._asked_at = workflow.now()
        self._paid_as_agreed = self._seen_anything = False

    @workflow.run
    async def run(self, start: RenewalStart) -> RenewalEnded:
        """Keep the contract's clock until the contract has ended."""
        await self.perform()
        return RenewalEnded(stage=self.stage, contract_id=start.contract_id, outcome=self.outcome)

    async def fulfil(self) -> None:
        """Read the terms; wait for the window; look, and look again until it is decided."""
        self.show_everywhere()  # what an earlier run left unshown
        await self.begin()
        asked: frozenset[RenewalSource] = frozenset()
        while self.window is not None or not self.plan.over:
            if self.window is None and self.plan.window_open:
                await self.open_window()
            if self.window is not None:
                await self.look(self.window, asked)
                if self.outcome in FINAL:
                    break
            reasons = await self.reasons_to_look()
            await self.inquire(reasons.told, by_calendar=reasons.due)
            asked = reasons.told | reasons.due
            await self.decide_dates()

    async def begin(self) -> None:
        """Without the contract's terms there is no clock: whoever owns them is waited for."""
        is_planned = self.start.memory.plan is not None
        if self.terms is None:
            self.terms = await self.gate(
                "read_terms",
                FinanceActivities.contract,
                lambda: ContractQuestion(contract_id=self.start.contract_id),
                connection=lambda: self.start.connection,
                reference=lambda terms: f"until {terms.ends_on}",
            )
        self.account_id, self.legal_entity = self.terms.account_id, self.terms.legal_entity
        self.value = self.terms.value
        if is_planned:
            self.enter(self.untroubled_stage)  # where the run before came to, and noted
        else:
            await self.decide_dates()
            await self.resume()

    async def decide_dates(self) -> None:
        """Which date wins, and when to look next, by the catalogue of this moment."""
        request = PlanRenewal(
            terms=self.known,
            today=self.today,
            opportunity_id=self.start.opportunity_id,
            renewed_on=self.renewed_on,
            in_window=self.window is not None,
        )
        self.plan = await note(PortfolioActivities.plan_renewal, request)

    async def open_window(self) -> None:
        """The time to prepare the renewal has begun: at the moment for which the clock was set."""
        dates = self.plan.dates
        assert dates is not None
        self.window = OpenWindow(since=self._woken_at, opened_for=dates.renews_on, dates=dates)
        self._seen_anything = False
        await self.resume()

    async def look(self, window: OpenWindow, asked: frozenset[RenewalSource]) -> None:
        """Take one snapshot of what everybody says, once everybody was asked."""
        dates = self._about(window)
        self.window = window.model_copy(update={"dates": dates})
        if not self._seen_anything:
            await self.inquire(SIGNALS - asked)
        if self._deal_is_of_another_date(dates):
            await self.inquire({RenewalSource.DEAL})
        seen = await self.take_snapshot(dates, self.window)
        self._looked_at, self._paid_as_agreed = workflow.now(), "billing" not in seen.troubled
        self._seen_anything = True
        if seen.outcome is not None:
            await self.close_window(seen.outcome, dates)
        elif not self.plan.window_open:
            await self.leave_window()
        else:
            old = "usage" in seen.unknown and self.start.usage
            self.sources.plan_to_ask_again(stale={RenewalSource.ADOPTION} if old else ())
        self.show_everywhere()

    async def take_snapshot(self, dates: RenewalDates, window: OpenWindow | None) -> TakenSnapshot:
        """One view for everybody."""
        request = TakeSnapshot(
            start=self.start,
            terms=self.known,
            dates=dates,
            at=workflow.now(),
            today=self.today,
            window=window,
        )
        said = with_answers(request, self.sources)
        seen: TakenSnapshot = await note(PortfolioActivities.take_snapshot, said)
        self.snapshot_id = seen.snapshot_id
        return seen

    def show_everywhere(self) -> None:
        """Bring customer success and the CRM to the newest view; neither holds the other."""
        self.bring_up_to_date(
            "show_readiness", SuccessActivities.show_readiness, self.start.success
        )
        self.bring_up_to_date("tell_crm", CrmActivities.show_readiness, self.start.crm)

    async def close_window(self, outcome: RenewalOutcome, dates: RenewalDates) -> None:
        """The renewal is decided; a contract that goes on has its next term's clock started, in a
        run that shows the decision before it waits."""
        self.window, self.outcome, self.renewed_on = None, outcome, dates.renews_on
        if outcome not in FINAL:
            await self.close_cases("the process goes on with the next term")
            await self.decide_dates()
            await self.resume()
            self.start_anew()

    async def leave_window(self) -> None:
        """The renewal was moved out of its window again: everybody sees the new date."""
        self.window = None
        self.sources.ask_nobody_again()
        if self.plan.dates is not None:
            await self.take_snapshot(self.plan.dates, None)
        await self.resume()

    async def reasons_to_look(self) -> Reasons:
        """Wait for the next reason, an event or a moment, and say who is to be asked for it."""
        due = morning(self.plan.next_look)
        rang = await self.until(due, self.sources.again_at, heard=lambda: bool(self._news))
        if self.window is not None and not rang:
            await self.settle(since=self._looked_at)
        self._woken_at = now = workflow.now()
        told = frozenset({*self._news, *self.sources.due_again(now)})
        self._news.clear()
        if due is None or due > now:
            return Reasons(told)
        window_of = self.window.dates.renews_on if self.window else None
        return Reasons(told, due_by_calendar(window_of, self.today))

    async def inquire(
        self,
        wanted: Iterable[RenewalSource],
        by_calendar: frozenset[RenewalSource] = frozenset(),
    ) -> None:
        """Ask some of the sources; terms that are not answered stay as they were. Whom only the
        calendar calls for may have answered in the morning's round, unless something was asked
        since."""
        dates = self.window.dates if self.window else self.plan.dates
        about = dates.renews_on if dates else None
        asked = questions(
            {*wanted, *by_calendar}, self.start, self.known.account_id, about, self.today
        )
        if RenewalSource.INVOICES in asked:
            self._paid_as_agreed = False  # what is paid from now on may be missing in the answer
        rounded = {one: asked[one] for one in asked if one in by_calendar and one not in wanted}
        calm = workflow.now() - self._asked_at >= FRESH
        heard = await on_record(self.known, rounded) if rounded and calm else {}
        self._asked_at = workflow.now()
        await self.sources.ask(asked, self.today, heard)
        self.terms = self.sources.said(RenewalSource.TERMS) or self.terms

    @property
    def newest(self) -> str:
        """The view that holds now."""
        return self.snapshot_id

    @property
    def to_show(self) -> ShowReadiness:
        """The newest view; who shows it reads it from the ledger."""
        return ShowReadiness(
            contract_id=self.start.contract_id,
            connection=self.start.connection,
            account_id=self.account_id,
            snapshot_id=self.newest,
        )

    def reference_of(self, shown: ExternalRef) -> str:
        """The record that shows it."""
        return shown.id

    @property
    def untroubled_stage(self) -> str:
        """What it is in between cases."""
        if self.terms is None:
            return "accepting"
        return "window_open" if self.window else "waiting"

    @property
    def known(self) -> ContractTerms:
        """The contract's terms, as they were told last."""
        assert self.terms is not None
        return self.terms

    @property
    def today(self) -> date:
        """The process's own day, which begins in the morning: a window that opens today is not
        open before."""
        begins = timedelta(hours=MORNING.hour, minutes=MORNING.minute)
        return (workflow.now() - begins).date()

    def heard(self, event: BusinessEvent) -> None:
        """An amendment moves the clock; anything else is a reason to look only in the window, and
        a payment only where one was missed."""
        if event.type == "payment.received" and self._paid_as_agreed:
            return
        asked = ABOUT.get(event.type.partition(".")[0], EVERYTHING)
        self._news |= asked if self.window else asked & {RenewalSource.TERMS}

    def patience(self, step: str) -> timedelta:
        """Without terms there is no clock: a person hears of that soon."""
        return PATIENCE if step == "read_terms" else super().patience(step)

    def start_anew(self) -> Any:
        """The next run knows what is decided, open and shown; what is not shown yet, it shows."""
        # What was heard and not yet asked about is not carried: the terms are then read anew.
        fresh = RenewalSource.TERMS not in self._news | self.sources.silent
        memory = RenewalMemory(
            account_id=self.account_id,
            terms=self.terms if fresh else None,
            plan=self.plan if fresh else None,
            window=self.window,
            newest=self.newest,
            shown=self.shown,
            renewed_on=self.renewed_on,
            outcome=self.outcome,
        )
        workflow.continue_as_new(self.start.model_copy(update={"memory": memory}))

    def _about(self, window: OpenWindow) -> RenewalDates:
        """The dates that an open window is about: it moves with the contract, but what was to be
        decided by a day that is over, or of a contract that has ended, stays about that day."""
        moved = self.plan.dates
        decided = not self.known.active or self.today > window.dates.renews_on
        if moved is None or decided or not self.plan.window_open:
            return window.dates
        return moved

    def _deal_is_of_another_date(self, dates: RenewalDates) -> bool:
        """Whether the deal was asked for of another renewal: another date may be another deal's."""
        asked = self.sources.asked.get(RenewalSource.DEAL)
        return asked is None or asked.request.renews_on != dates.renews_on
