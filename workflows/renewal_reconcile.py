"""The daily reconcile of renewal clocks: no contract is without one, or with one that is wrong."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.clocks import ClockActivities
from canonical.clocks import (
    RECONCILE,
    ClockDeed,
    ClockPlace,
    KeptClock,
    Reconciled,
    ReconciledPage,
    ReconcileStart,
)

PAGE_TIMEOUT = timedelta(minutes=3)
PAGE_PATIENCE = timedelta(hours=6)
PAGES_PER_RUN_MAX = 200
UNKEPT_MAX = 50
RETRY = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=5))


@workflow.defn(name=RECONCILE)
class RenewalReconcile:
    """Goes through every contract on record, and keeps its clock; what it did is in the audit."""

    @workflow.run
    async def run(self, start: ReconcileStart) -> Reconciled:
        """One reconcile, page by page; many pages are several runs."""
        place: ClockPlace | None = start.after
        found = start.so_far
        pages = 0
        while place is not None:
            if pages == PAGES_PER_RUN_MAX:
                workflow.continue_as_new(ReconcileStart(after=place, so_far=found))
            pages += 1
            page: ReconciledPage = await workflow.execute_activity_method(
                ClockActivities.reconcile,
                place,
                start_to_close_timeout=PAGE_TIMEOUT,
                schedule_to_close_timeout=PAGE_PATIENCE,
                retry_policy=RETRY,
            )
            found = _with(found, page)
            workflow.set_current_details(_told(found))
            place = page.after
        return found


def _with(found: Reconciled, page: ReconciledPage) -> Reconciled:
    deeds = [one.deed for one in page.kept]
    unkept = [_named(one) for one in page.kept if one.deed is ClockDeed.FAILED]
    return Reconciled(
        looked_at=found.looked_at + page.looked_at,
        begun=found.begun + deeds.count(ClockDeed.BEGUN),
        moved=found.moved + deeds.count(ClockDeed.MOVED),
        failed=found.failed + deeds.count(ClockDeed.FAILED),
        unkept=[*found.unkept, *unkept][:UNKEPT_MAX],
    )


def _named(kept: KeptClock) -> str:
    return f"{kept.contract.connection}/{kept.contract.contract_id}: {kept.said}"


def _told(found: Reconciled) -> str:
    counts = f"{found.looked_at} contracts, {found.begun} clocks begun, {found.moved} moved"
    return "\n\n".join([f"{counts}, {found.failed} not kept", *found.unkept])
