"""The daily reconcile of renewal clocks: no contract is without one, or with one that is wrong.

It comes in the hour before the morning's looks, and asks beforehand what these will ask.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.clocks import ClockActivities
from canonical.clocks import (
    RECONCILE,
    ClockDeed,
    ClockPlace,
    ClocksToKeep,
    KeptClock,
    Reconciled,
    ReconciledPage,
    ReconcileStart,
)
from canonical.intake import ALARM, Concern, ConcernKind, alarm_id
from workflows.gathering import gather_looks

PAGE_TIMEOUT = timedelta(minutes=3)
PAGE_PATIENCE = timedelta(hours=6)
PAGES_PER_RUN_MAX = 200
UNKEPT_MAX = 50
SHOWN_MAX = 5
RETRY = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=5))


@workflow.defn(name=RECONCILE)
class RenewalReconcile:
    """Goes through every contract on record, and keeps its clock; what it did is in the audit."""

    @workflow.run
    async def run(self, start: ReconcileStart) -> Reconciled:
        """One reconcile, page by page; many pages are several runs."""
        place: ClockPlace | None = start.after
        found, looks_due = start.so_far, False
        pages = 0
        while place is not None:
            if pages == PAGES_PER_RUN_MAX:
                workflow.continue_as_new(ReconcileStart(after=place, so_far=found))
            pages += 1
            try:
                page = await self._page(place)
            except ActivityError as error:
                await _alarm(f"stopped after {place}: {error.cause or error}")
                raise
            found = _with(found, page)
            workflow.set_current_details(_told(found))
            place, looks_due = page.after, page.looks_due
        if found.failed:
            await _alarm(f"{found.failed} of them: {'; '.join(found.unkept[:SHOWN_MAX])}")
        if looks_due:
            gathered = await gather_looks(workflow.now().date())
            found = found.model_copy(update={"gathered": gathered})
            workflow.set_current_details(_told(found))
        return found

    async def _page(self, place: ClockPlace) -> ReconciledPage:
        return await workflow.execute_activity_method(
            ClockActivities.reconcile,
            ClocksToKeep(after=place, day=workflow.now().date()),
            start_to_close_timeout=PAGE_TIMEOUT,
            schedule_to_close_timeout=PAGE_PATIENCE,
            retry_policy=RETRY,
        )


async def _alarm(what: str) -> None:
    """Have a person look: one case, until it is dealt with, however many days it takes."""
    concern = Concern(
        id=f"{ConcernKind.CLOCK_UNKEPT}/{RECONCILE}",
        kind=ConcernKind.CLOCK_UNKEPT,
        about=RECONCILE,
        message=f"renewal clocks could not be put right on {workflow.now():%Y-%m-%d}: {what}",
    )
    try:
        await workflow.start_child_workflow(
            ALARM,
            concern,
            id=alarm_id(concern),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=ParentClosePolicy.ABANDON,
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.warning("the alarm stands already: %s", what)


def _with(found: Reconciled, page: ReconciledPage) -> Reconciled:
    deeds = [one.deed for one in page.kept]
    unkept = [_named(one) for one in page.kept if one.deed is ClockDeed.FAILED]
    return Reconciled(
        looked_at=found.looked_at + page.looked_at,
        begun=found.begun + deeds.count(ClockDeed.BEGUN),
        moved=found.moved + deeds.count(ClockDeed.MOVED),
        failed=found.failed + deeds.count(ClockDeed.FAILED),
        unkept=[*found.unkept, *unkept][:UNKEPT_MAX],
        gathered=found.gathered,
    )


def _named(kept: KeptClock) -> str:
    return f"{kept.contract.connection}/{kept.contract.contract_id}: {kept.said}"


def _told(found: Reconciled) -> str:
    counts = f"{found.looked_at} contracts, {found.begun} clocks begun, {found.moved} moved"
    asked = f"{found.gathered.answered} answers for this morning's looks"
    unasked = f"{found.gathered.unanswered} questions not answered"
    return "\n\n".join([f"{counts}, {found.failed} not kept", f"{asked}, {unasked}", *found.unkept])
