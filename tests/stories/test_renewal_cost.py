"""What a contract's clock costs in a year, in Temporal actions and events of its history."""

from datetime import timedelta

from temporalio.client import WorkflowHistory

from tests.stories.renewals import A_WHILE, WINDOW, Renewal

DAY = timedelta(days=1)
ACTIONS_MAX = 60
EVENTS_MAX = 400
# One action each; local activities are one for each workflow task that records them.
BILLED = (
    "workflow_execution_started_event_attributes",
    "activity_task_scheduled_event_attributes",
    "timer_started_event_attributes",
    "workflow_execution_signaled_event_attributes",
    "upsert_workflow_search_attributes_event_attributes",
)


def actions(history: WorkflowHistory) -> int:
    """The actions of one run, without the retries of activities."""
    billed = sum(1 for event in history.events for name in BILLED if event.HasField(name))  # type: ignore[arg-type]
    marked = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in history.events
        if event.HasField("marker_recorded_event_attributes")
    }
    return billed + len(marked)


async def test_a_year_of_monthly_invoices_stays_within_its_budget(renewal: Renewal) -> None:
    """Twelve invoices, two of them paid late, one of these in the window; and it is renewed."""
    await renewal.signed()
    run = renewal.tieline.client.get_workflow_handle(
        renewal.process.id, run_id=(await renewal.process.describe()).run_id
    )
    renews_on = await renewal.renews_on()
    renewal.renewal_deal(CloseDate=(renews_on + 5 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)

    # Three invoices are paid in the window, one of them late; of the other nine it hears nothing
    for what in ("payment.received", "invoice.overdue", "payment.received", "payment.received"):
        await renewal.passing(7 * DAY)
        await renewal.process.signal("business_event", {"id": what, "type": what})
        await renewal.passing(A_WHILE)
    await renewal.looked_on(renews_on + DAY)
    await renewal.standing("waiting")

    history = await run.fetch_history()
    cost = actions(history) + 1  # and one to go on in the next term
    assert {view.state for view in await renewal.views()} == {"at_risk", "closed"}
    assert cost <= ACTIONS_MAX
    assert len(history.events) <= EVENTS_MAX
