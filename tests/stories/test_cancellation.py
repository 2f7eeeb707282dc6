"""Orders that are called off: undone in reverse, to the last record, or not at all (R68)."""

import pytest
from temporalio.client import WorkflowUpdateFailedError

from canonical.desk import Action, CaseState
from canonical.effects import EffectState
from canonical.messages import BusinessEvent
from canonical.milestones import Milestone
from tests.stories.evidence import (
    NOTHING,
    all_done,
    ask_to_cancel,
    calls,
    complete_but_for_payment,
    effect_states,
    plan_shown,
    standing,
)
from tests.world import World, eventually, line

CLOSED_PERIOD = {
    "kind": "reject", "method": "PUT", "path": "/salesOrder/", "code": "USER_ERROR",
    "message": "The accounting period of this transaction is closed.",
}  # fmt: skip
POSTED = BusinessEvent(id="evt_invoice_1", type="invoice.posted")


async def test_an_order_cancelled_after_billing_leaves_nothing_in_finance(tieline: World) -> None:
    """The books are closed and sales calls the deal off: nothing billed, posted or supported."""
    # Given a subscription that is active, and an ERP that refuses the order
    tieline.erp.faults.arm(**CLOSED_PERIOD)
    deal = tieline.deal("Globex", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    case = await tieline.case(deal, "book_order")
    assert (case.failure.cause, case.owner) == ("PeriodClosed", "erp-owner")
    assert len(tieline.subscriptions("active")) == 1

    # When its owner cancels
    outcome = await tieline.decide(case, Action.CANCEL, reason="Globex signs next quarter")
    result = await tieline.result(deal)

    # Then everything is undone, and the ERP never had an order
    assert outcome.accepted and result.stage == "cancelled"
    assert standing(tieline) == NOTHING
    assert not tieline.sales_orders()
    states = await effect_states(tieline, deal)
    assert states["billing subscription"] is EffectState.UNDONE
    assert states["support entitlement"] is EffectState.UNDONE
    assert states["erp sales_order"] is EffectState.REFUTED

    # And the CRM, which never heard of a success, knows that there will be none
    assert tieline.opportunity(deal)["Activation_Status__c"] == "Cancelled"
    assert tieline.opportunity(deal)["ERP_Order_Id__c"] is None


async def test_a_cancellation_shows_its_plan_and_its_money_before_it_is_approved(
    patient: World,
) -> None:
    """A fulfilled order is undone in reverse, by the very plan that a person was shown."""
    deal = await complete_but_for_payment(patient)
    assert set(standing(patient).values()) == {1}

    # The plan, last step first, with the order's value released once
    plan = await plan_shown(patient, deal)
    undone = [undo.step for undo in plan.lines]
    assert undone.index("start_onboarding") < undone.index("book_order")
    assert undone.index("book_order") < undone.index("activate_subscription")
    assert "cancel the subscription" in {undo.undo for undo in plan.lines}
    assert str(plan.releases) == "8,400.00 USD"
    assert not calls(patient.billing, "DELETE")

    # Approved, and done
    outcome = await ask_to_cancel(patient, deal, plan)
    result = await patient.result(deal)
    assert outcome.accepted and result.stage == "cancelled"
    assert standing(patient) == NOTHING
    assert patient.opportunity(deal)["Activation_Status__c"] == "Cancelled"


async def test_a_second_request_to_cancel_is_the_second_approval(patient: World) -> None:
    """Above the threshold two people ask for the same, and neither opens a case of their own."""
    deal = patient.deal("Umbrella", line("GTX-PRO", "12000.00"))
    await patient.start(deal)
    await eventually(lambda: all_done(patient, deal))
    plan = await plan_shown(patient, deal)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await ask_to_cancel(patient, deal, plan, "Ada", reason="")
    first = await ask_to_cancel(patient, deal, plan, "Ada")
    again = await ask_to_cancel(patient, deal, plan, "ada ")
    assert "needs a name and a reason" in str(refused.value.cause)
    assert first.accepted and first.state is CaseState.AWAITING_APPROVAL
    assert not again.accepted and "another person has to approve" in again.outcome
    assert len((await patient.progress(deal)).cases) == 1
    assert set(standing(patient).values()) == {1}

    second = await ask_to_cancel(patient, deal, plan, "Grace")
    assert second.accepted and second.state is CaseState.RESOLVED
    assert (await patient.result(deal)).stage == "cancelled"
    assert standing(patient) == NOTHING


async def test_a_plan_that_has_changed_since_it_was_shown_is_refused(tieline: World) -> None:
    """Approval is given for one plan; what was done in the meantime needs a new look."""
    tieline.erp.faults.arm(**CLOSED_PERIOD)
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    tieline.success.faults.arm(kind="outage", status=503, seconds=60)
    await tieline.start(deal)
    case = await tieline.case(deal, "book_order")
    shown = await plan_shown(tieline, deal)

    # The period is reopened and the order booked before the request arrives
    await tieline.decide(case, Action.RETRY)
    await eventually(lambda: tieline.opportunity(deal)["Activation_Status__c"] == "Active")

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await ask_to_cancel(tieline, deal, shown)
    assert "the plan has changed" in str(refused.value.cause)
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 1


async def test_nothing_is_undone_once_the_invoice_is_posted(patient: World) -> None:
    """Past the point of no return an order is credited, not cancelled, whoever asks and how."""
    # Given an order with an open case, whose invoice is posted meanwhile
    patient.success.faults.arm(
        kind="reject", method="POST", path="/v2/cockpit/cta$", code="COCKPIT_9700"
    )
    deal = patient.deal("Hooli", line("GTX-PRO", "8400.00"))
    await patient.start(deal)
    case = await patient.case(deal, "start_onboarding")
    await patient.process(deal).signal("business_event", POSTED)
    await eventually(lambda: _posted(patient, deal))

    # When somebody asks to cancel, directly or on the case
    plan = await plan_shown(patient, deal)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await ask_to_cancel(patient, deal, plan)
    on_the_case = await patient.decide(case, Action.CANCEL)

    # Then both are refused for the same reason, and the order stands
    assert "an invoice is posted" in str(refused.value.cause)
    assert not on_the_case.accepted
    assert "an invoice is posted" in on_the_case.outcome
    assert all(undo.point_of_no_return for undo in plan.lines) and plan.releases is None
    assert len(patient.subscriptions("active")) == len(patient.sales_orders()) == 1


async def _posted(tieline: World, deal: str) -> bool:
    return Milestone.INVOICE_POSTED in (await tieline.progress(deal)).milestones


async def test_a_cancellation_through_temporal_is_honoured_like_one_from_the_desk(
    tieline: World,
) -> None:
    """Somebody presses Cancel in Temporal's Web UI while billing is still answering."""
    tieline.billing.latency_seconds = 0.3
    deal = tieline.deal("Globex", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    await eventually(lambda: calls(tieline.billing, "POST", "/v1/subscriptions"))

    await tieline.process(deal).cancel()

    assert (await tieline.result(deal)).stage == "cancelled"
    assert standing(tieline) == NOTHING
    states = await effect_states(tieline, deal)
    assert states["billing subscription"] is EffectState.UNDONE
    assert not tieline.sales_orders()
