"""Money above the threshold moves by two people's will, given on one state of the facts."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError

from canonical.desk import Action, CaseState, ExceptionCase
from canonical.ids import quote_to_cash_id
from tests.stories.evidence import filed
from tests.world import World, eventually, line
from workflows.exceptions import ATTEMPTS_MAX

GERMANY = {"country": "Germany"}
FRANCE = {"country": "France"}


async def _large_case(tieline: World) -> tuple[str, ExceptionCase]:
    """Hooli's deal for 48,000.00, which billing refuses as long as its country is Ireland."""
    tieline.billing.faults.arm(
        kind="reject", method="POST", path="/v1/customers$", times=-1,
        code="customer_tax_location_invalid", body="country%5D=IE",
    )  # fmt: skip
    tieline.account("Hooli", BillingCountry="Ireland")
    deal = tieline.deal("Hooli", line("GTX-PRO", "48000.00", 40))
    await tieline.start(deal)
    case = await tieline.case(deal, "activate_subscription")
    assert (case.approvals_required, str(case.held)) == (2, "48,000.00 USD")
    return deal, case


async def test_two_people_approve_the_same_correction(tieline: World) -> None:
    """Ada proposes, nobody else's opinion counts until Grace agrees, and the ledger has it all."""
    deal, case = await _large_case(tieline)

    # Ada proposes Germany, and cannot approve it herself under any spelling of her name
    proposed = await tieline.decide(case, Action.AMEND, "Ada", amendment=GERMANY)
    alone = await tieline.decide(case, Action.AMEND, " ADA", amendment=GERMANY)
    assert proposed.accepted and proposed.state is CaseState.AWAITING_APPROVAL
    assert not alone.accepted and "another person has to approve" in alone.outcome
    assert (await tieline.progress(deal)).stage == "exception"

    # Grace would rather have France, Linus would rather cancel: neither is an approval
    other = await tieline.decide(case, Action.AMEND, "Grace", amendment=FRANCE)
    cancel = await tieline.decide(case, Action.CANCEL, "Linus")
    assert not other.accepted and "Ada proposed another amendment" in other.outcome
    assert not cancel.accepted and "Ada proposed amend" in cancel.outcome
    assert not tieline.subscriptions()

    # Grace agrees to Germany
    approved = await tieline.decide(case, Action.AMEND, "Grace", amendment=GERMANY)
    assert approved.accepted and approved.state is CaseState.RESOLVED
    assert (await tieline.result(deal)).stage == "completed"
    (customer,) = tieline.billing.state()["customers"]
    assert customer["address"]["country"] == "DE"

    # And an auditor finds who said what, refusals included
    detail = await filed(tieline, case.case_id)
    assert (detail.state, detail.closed_at is not None) == (CaseState.RESOLVED, True)
    assert [(attempt.actor, attempt.action, attempt.accepted) for attempt in detail.attempts] == [
        ("Ada", Action.AMEND, True),
        (" ADA", Action.AMEND, False),
        ("Grace", Action.AMEND, False),
        ("Linus", Action.CANCEL, False),
        ("Grace", Action.AMEND, True),
    ]


async def test_an_approval_expires_when_the_order_changes(tieline: World) -> None:
    """What Ada approved on Monday is not what Grace would approve on Tuesday."""
    # Monday: Ada proposes Germany
    deal, monday = await _large_case(tieline)
    assert (await tieline.decide(monday, Action.AMEND, "Ada", amendment=GERMANY)).accepted

    # Tuesday: sales enters the purchase order, and Grace approves what she saw on Monday
    tieline.crm.store.update("Opportunity", deal, {"PO_Number__c": "PO-2"})
    expired = await tieline.decide(monday, Action.AMEND, "Grace", amendment=GERMANY)
    assert not expired.accepted
    assert "the facts have changed" in expired.outcome

    # Ada's approval is void: on the new evidence both have to agree again
    tuesday = await tieline.case(deal)
    assert tuesday.evidence_digest != monday.evidence_digest
    stale = await tieline.decide(monday, Action.AMEND, "Grace", amendment=GERMANY)
    first = await tieline.decide(tuesday, Action.AMEND, "Grace", amendment=GERMANY)
    second = await tieline.decide(tuesday, Action.AMEND, "Ada", amendment=GERMANY)
    assert not stale.accepted and "read the case again" in stale.outcome
    assert first.state is CaseState.AWAITING_APPROVAL
    assert second.state is CaseState.RESOLVED

    # And the order that is booked is Tuesday's
    await tieline.result(deal)
    (order,) = tieline.sales_orders()
    assert order["otherRefNum"] == "PO-2"


async def test_an_edit_that_changes_no_fact_leaves_an_approval_in_force(tieline: World) -> None:
    """The CRM's change stamp moves with every edit; approvals are about the order."""
    deal, case = await _large_case(tieline)
    await tieline.decide(case, Action.AMEND, "Ada", amendment=GERMANY)

    tieline.crm.store.update("Opportunity", deal, {"Type": "New Customer"})
    approved = await tieline.decide(case, Action.AMEND, "Grace", amendment=GERMANY)

    assert approved.accepted and approved.state is CaseState.RESOLVED
    assert (await tieline.result(deal)).stage == "completed"


async def test_a_retry_changes_no_facts_and_needs_one_person(tieline: World) -> None:
    """Stripe has learned of Ireland meanwhile: Grace retries, and Ada's proposal is set aside."""
    deal, case = await _large_case(tieline)
    await tieline.decide(case, Action.AMEND, "Ada", amendment=GERMANY)
    tieline.billing.faults.clear()

    retried = await tieline.decide(case, Action.RETRY, "Grace", reason="")

    assert retried.accepted and retried.state is CaseState.RESOLVED
    await tieline.result(deal)
    (customer,) = tieline.billing.state()["customers"]
    assert customer["address"]["country"] == "IE"


async def test_a_decision_on_a_resolved_case_is_refused_and_recorded(tieline: World) -> None:
    """Two people press Retry at the same moment: the order is tried once more, not twice."""
    tieline.success.faults.arm(kind="outage", status=503, seconds=60)
    deal, case = await _large_case(tieline)
    tieline.billing.faults.clear()

    both = await asyncio.gather(
        tieline.decide(case, Action.RETRY, "Ada"), tieline.decide(case, Action.RETRY, "Grace")
    )
    await eventually(lambda: tieline.opportunity(deal)["Activation_Status__c"] == "Active")
    late = await tieline.decide(case, Action.CANCEL, "Linus")

    assert sorted(outcome.accepted for outcome in both) == [False, True]
    assert not late.accepted and late.outcome == "refused: the case is resolved already"
    attempts = (await filed(tieline, case.case_id)).attempts
    assert [attempt.accepted for attempt in attempts].count(False) == 2
    assert len(tieline.subscriptions("active")) == 1


async def test_a_process_takes_so_many_decisions_and_no_more(tieline: World) -> None:
    """A script that guesses digests cannot fill the history of a process."""
    _, case = await _large_case(tieline)
    lane = asyncio.Semaphore(8)  # a server takes ten updates of one process at a time

    async def guess(number: int) -> bool:
        async with lane:
            digest = f"{number:064x}"
            return (await tieline.decide(case, Action.RETRY, evidence_digest=digest)).accepted

    guesses = await asyncio.gather(*(guess(number) for number in range(ATTEMPTS_MAX)))
    assert not any(guesses)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await tieline.decide(case, Action.RETRY, evidence_digest="f" * 64)
    assert f"{ATTEMPTS_MAX} decisions were received" in str(refused.value.cause)
    assert len((await filed(tieline, case.case_id)).attempts) == ATTEMPTS_MAX


async def test_a_case_of_another_process_is_none_of_this_ones_business(tieline: World) -> None:
    """A decision that reaches the wrong process changes neither of the two."""
    deal, case = await _large_case(tieline)
    other = tieline.deal("Initech", line("GTX-PRO", "1200.00"), won=False)
    await tieline.start(other)
    theirs = await tieline.case(other, "accept_order")

    stray = theirs.model_copy(update={"process": case.process})
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await tieline.decide(stray, Action.RETRY)

    assert case.process.workflow_id == quote_to_cash_id("crm", deal)
    assert "the case belongs to another process" in str(refused.value.cause)
    assert not (await filed(tieline, theirs.case_id)).attempts
