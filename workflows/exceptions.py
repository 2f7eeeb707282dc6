"""The process base's exception desk: cases that wait for a person, and cancellation on request."""

import asyncio
from collections.abc import Container
from datetime import timedelta

from temporalio import workflow

from activities.desk import DeskActivities
from canonical.desk import (
    COMPLETED,
    EXCEPTION,
    Action,
    Attempt,
    CaseOpening,
    CaseState,
    ExceptionCase,
    Failure,
    ProcessRecord,
    Resolution,
    ResolutionOutcome,
)
from canonical.messages import CancelRequest, CompensationPlan
from canonical.milestones import Milestone
from canonical.money import Money
from canonical.requests import LateCase, RevisedFacts
from domain.compensation import compensation_plan
from domain.resolution import judge
from workflows.cases import CANCELLATION, Case, Review
from workflows.standing import Standing
from workflows.steps import StepRecord, note

ATTEMPTS_MAX = 200
# A case forgotten for months must not fill the history: nobody is left to hear of it by then.
ESCALATIONS_MAX = 30
SOON = timedelta(seconds=1)
PAST_RETURN = "an invoice is posted: credit it instead of cancelling the order"


class ExceptionDesk(Standing):
    """Opens cases, judges decisions on them and shows what a cancellation would undo."""

    def __init__(self, business_id: str) -> None:
        super().__init__(business_id)
        self.cancel_reason: str | None = None
        self._cases_opened = self._attempts = 0
        self._turn = asyncio.Lock()

    async def review(self, resolution: Resolution) -> Review:
        """The facts as they are now, and why a correction would break a rule, if it would."""
        return Review(self.facts_digest)

    def amend(self, resolution: Resolution) -> None:
        """Take over a correction that `review` found good."""

    # Cases -----------------------------------------------------------------------------------

    async def ask(self, record: StepRecord, failure: Failure) -> Action:
        """Open a case and wait, through deadlines and escalations, for a person's decision."""
        record.state = "exception"
        held = failure.details.get("held")
        case = await self._open(
            record.name,
            failure,
            gates=record.gates,
            held=Money.model_validate(held) if held else self.value,
            facts_digest=str(failure.details.get("facts_digest", "")) or self.facts_digest,
        )
        while case.decision is None:
            try:
                # The timeout of `wait_condition` itself swallows, on Python 3.11, a cancellation
                # that comes together with the decision: the story would never end.
                async with asyncio.timeout(_patience_seconds(case.filed)):
                    await workflow.wait_condition(lambda: case.decision is not None)
            except TimeoutError:
                late = LateCase(
                    case_id=case.filed.case_id,
                    level=case.filed.escalations + 1,
                    at=workflow.now(),
                )
                case.filed = await note(DeskActivities.escalate, late)
                self.show()
        self.cases.pop(case.filed.case_id, None)
        if case.decision.action is not Action.CANCEL:
            await self.resume()
        return case.decision.action

    async def close_cases(self, reason: str) -> None:
        """Cases that nothing waits for any more leave the desk, with the reason on record."""
        for case in [case for case in self.cases.values() if case.decision is None]:
            await self._decide(case, Action.SKIP, reason)
        self.cases.clear()

    async def try_again(self, steps: Container[str], reason: str) -> None:
        """Open cases of some steps are moot by new facts: each step is tried again by itself."""
        for case in [case for case in self.cases.values() if case.decision is None]:
            if case.filed.step in steps:
                await self._decide(case, Action.RETRY, reason)

    async def resume(self) -> None:
        """Come to the stage that the process is at, open cases and cancellation considered."""
        self.enter(self.present_stage)
        await self.record_standing()

    @property
    def untroubled_stage(self) -> str:
        """The stage while no case is open and nobody has cancelled."""
        return "fulfilling" if self.account_id else "accepting"

    async def record_standing(self) -> None:
        """Bring the ledger's row of this process up to date: what listings are made from."""
        await note(
            DeskActivities.record_process,
            ProcessRecord(
                process=self.ref,
                business_id=self.business_id,
                stage=self.stage,
                account_id=self.account_id,
                account_name=self.account_name,
                legal_entity=self.legal_entity,
                value=self.value,
                reason=self.cancel_reason or "",
            ),
        )

    @property
    def present_stage(self) -> str:
        """The stage that the process is at, open cases and cancellation considered."""
        if self.cases:
            return EXCEPTION
        if self.cancel_reason is not None:
            return "cancelling"
        return self.untroubled_stage

    async def _open(
        self, step: str, failure: Failure, *, gates: bool, held: Money | None, facts_digest: str
    ) -> Case:
        # The run is part of the id because a reset process meets new exceptions, not the old ones.
        self._cases_opened += 1
        number = f"{self._cases_opened}-{workflow.info().run_id[:8]}"
        opening = CaseOpening(
            case_id=f"{self.ref.workflow_id}/{step}/{number}",
            process=self.ref,
            step=step,
            gates=gates,
            failure=failure,
            account_id=self.account_id or str(failure.details.get("account_id", "")),
            account_name=self.account_name or str(failure.details.get("account_name", "")),
            legal_entity=self.legal_entity,
            held=held,
            facts_digest=facts_digest,
            opened_at=workflow.now(),
        )
        filed: ExceptionCase = await note(DeskActivities.open_case, opening)
        case = Case(filed)
        self.cases[filed.case_id] = case
        self.account_name = self.account_name or filed.account_name
        self.value = self.value or filed.held
        self.enter(EXCEPTION)
        await self.record_standing()
        return case

    # Decisions -------------------------------------------------------------------------------

    @workflow.update
    async def resolve_exception(self, resolution: Resolution) -> ResolutionOutcome:
        """A person's decision on a case; refused decisions are recorded like accepted ones."""
        async with self._turn:
            case = self.cases.get(resolution.case_id)
            if case is None or case.decision is not None:
                outcome = _refused("the case is resolved already", CaseState.RESOLVED)
            else:
                outcome = await self._judge(case, resolution)
            await self._record(resolution, outcome)
            if case is not None and outcome.accepted:
                self._take(case, resolution, outcome.state)
            return outcome

    @resolve_exception.validator
    def _decidable(self, resolution: Resolution) -> None:
        if self._attempts >= ATTEMPTS_MAX:
            raise ValueError(f"{ATTEMPTS_MAX} decisions were received for this process")
        if not resolution.case_id.startswith(f"{self.ref.workflow_id}/"):
            raise ValueError("the case belongs to another process")

    async def _judge(self, case: Case, resolution: Resolution) -> ResolutionOutcome:
        self._attempts += 1
        if resolution.action is Action.CANCEL:
            if self.cancel_reason is not None:
                return _refused("the process is being cancelled", CaseState.OPEN)
            if self._past_return():
                return _refused(PAST_RETURN, CaseState.OPEN)
        review = Review(case.filed.facts_digest)
        if case.filed.step == CANCELLATION:
            review = Review(self.compensation().digest)
        elif resolution.action is not Action.RETRY:
            review = await self.review(resolution)
        if case.filed.facts_digest and review.facts_digest != case.filed.facts_digest:
            await self._revise(case, review.facts_digest)
            changed = "the facts have changed since the case was shown: look at it again"
            return _refused(changed, CaseState.OPEN)
        if review.refusal:
            return _refused(review.refusal, CaseState.OPEN)
        return judge(case.filed, case.approvals, resolution)

    async def _revise(self, case: Case, facts_digest: str) -> None:
        revised = RevisedFacts(case_id=case.filed.case_id, facts_digest=facts_digest)
        case.filed = await note(DeskActivities.revise, revised)
        case.approvals.clear()

    async def _decide(self, case: Case, action: Action, reason: str) -> None:
        """Our own decision, where there is nothing left for a person to decide."""
        case.decision = Resolution(
            case_id=case.filed.case_id,
            action=action,
            actor="tieline",
            reason=reason,
            evidence_digest=case.filed.evidence_digest,
        )
        decided = ResolutionOutcome(accepted=True, outcome=reason, state=CaseState.RESOLVED)
        await self._record(case.decision, decided)

    async def _record(self, resolution: Resolution, outcome: ResolutionOutcome) -> None:
        await note(
            DeskActivities.record_attempt,
            Attempt(
                case_id=resolution.case_id,
                process=self.ref,
                resolution=resolution,
                accepted=outcome.accepted,
                outcome=outcome.outcome,
                state=outcome.state,
            ),
        )

    def _take(self, case: Case, resolution: Resolution, state: CaseState) -> None:
        case.approvals.append(resolution)
        if state is not CaseState.RESOLVED:
            return
        if resolution.action is Action.AMEND:
            self.amend(resolution)
        if resolution.action is Action.CANCEL:
            self.cancel_reason = resolution.reason or f"cancelled by {resolution.actor}"
        if case.filed.step == CANCELLATION:
            # No step waits for this case, so nobody else takes it off the desk.
            del self.cases[case.filed.case_id]
            self.enter(self.present_stage)
        case.decision = resolution

    # Cancellation ----------------------------------------------------------------------------

    @workflow.query(name="compensation_plan")
    def compensation(self) -> CompensationPlan:
        """What a cancellation would undo now, in that order, with the money it releases (R68)."""
        final = self._past_return()
        return compensation_plan(
            [step.line(point_of_no_return=final) for step in self.steps if step.to_undo]
        )

    def _past_return(self) -> bool:
        return Milestone.INVOICE_POSTED in self.milestones

    @workflow.update
    async def request_cancellation(self, request: CancelRequest) -> ResolutionOutcome:
        """Ask to cancel on the plan that was shown; large amounts need a second person."""
        async with self._turn:
            if self.cancel_reason is not None:
                return _refused("the process is being cancelled", CaseState.RESOLVED)
            case = await self._cancellation_case(request, self.compensation())
            resolution = Resolution(
                case_id=case.filed.case_id,
                action=Action.CANCEL,
                actor=request.actor,
                reason=request.reason,
                evidence_digest=case.filed.evidence_digest,
            )
            outcome = await self._judge(case, resolution)
            await self._record(resolution, outcome)
            if outcome.accepted:
                self._take(case, resolution, outcome.state)
            return outcome

    async def _cancellation_case(self, request: CancelRequest, plan: CompensationPlan) -> Case:
        # A second person who asks for the same is the second approval, not a second case.
        open_cases = [case for case in self.cases.values() if case.filed.step == CANCELLATION]
        for case in open_cases:
            if case.filed.facts_digest != plan.digest:
                await self._revise(case, plan.digest)
            return case
        failure = Failure(
            cause="CancellationRequested",
            cause_key="CancellationRequested",
            message=request.reason,
            details={"plan": [line.model_dump(mode="json") for line in plan.lines]},
        )
        return await self._open(
            CANCELLATION, failure, gates=False, held=plan.releases, facts_digest=plan.digest
        )

    @request_cancellation.validator
    def _cancellable(self, request: CancelRequest) -> None:
        plan = self.compensation()
        if self.cancel_reason is not None or self.stage in (COMPLETED, "cancelled"):
            raise ValueError(f"the process is {self.stage} already")
        if self._past_return():
            raise ValueError(PAST_RETURN)
        if not request.actor.strip() or not request.reason.strip():
            raise ValueError("a cancellation needs a name and a reason")
        if request.plan_digest != plan.digest:
            raise ValueError("the plan has changed since it was shown: look at it again")


def _patience_seconds(case: ExceptionCase) -> float | None:
    """How long until the case's owner is late; None once it was escalated for the last time."""
    if case.escalations >= ESCALATIONS_MAX:
        return None
    return max(case.deadline - workflow.now(), SOON).total_seconds()


def _refused(why: str, state: CaseState) -> ResolutionOutcome:
    return ResolutionOutcome(accepted=False, outcome=f"refused: {why}", state=state)
