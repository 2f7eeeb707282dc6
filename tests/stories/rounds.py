"""The morning's round in a story: the daily reconcile, on a day of the story."""

from datetime import date, datetime, time
from itertools import count
from typing import Any

from temporalio.client import WorkflowHandle

from canonical.clocks import RECONCILE, Reconciled, ReconcileStart
from canonical.gathering import Gathered
from canonical.ids import PROCESS_QUEUE
from tests.stories.renewals import MORNING, Renewal

# When the schedule comes: before the looks.
FIVE = time(5, 0, tzinfo=MORNING.tzinfo)
_runs = count(1)


async def reconcile_of(
    renewal: Renewal, day: date, at: time = FIVE
) -> WorkflowHandle[Any, Reconciled]:
    """The reconcile that the schedule starts on a day, once it is over."""
    await renewal.until(datetime.combine(day, at))
    client, ahead = renewal.tieline.client, renewal.passed
    process: WorkflowHandle[Any, Reconciled] = await client.start_workflow(
        RECONCILE, ReconcileStart(), id=f"{RECONCILE}/{next(_runs)}", task_queue=PROCESS_QUEUE,
        result_type=Reconciled, start_delay=ahead,
    )  # fmt: skip
    await renewal.clocks.fast_forward(process, ahead)
    await process.result()
    return process


async def round_of(renewal: Renewal, day: date, at: time = FIVE) -> Gathered:
    """What it asked beforehand."""
    return (await (await reconcile_of(renewal, day, at)).result()).gathered
