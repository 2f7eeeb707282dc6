"""Undoing is work like any other: it may be refused, and its answers may be lost."""

import asyncio

from canonical.desk import Action
from tests.stories.evidence import (
    NOTHING,
    ask_to_cancel,
    calls,
    complete_but_for_payment,
    plan_shown,
    standing,
)
from tests.world import World


async def test_an_undo_that_is_refused_becomes_a_case_and_is_retried(patient: World) -> None:
    """Compensation is work like any other: when it fails, somebody owns it."""
    deal = await complete_but_for_payment(patient)
    patient.billing.faults.arm(
        kind="reject", method="DELETE", path="/v1/subscriptions/", code="resource_busy"
    )

    await ask_to_cancel(patient, deal, await plan_shown(patient, deal))
    case = await patient.case(deal, "undo_activate_subscription")
    assert case.owner and Action.RETRY in case.actions
    again = await patient.decide(case, Action.CANCEL)
    assert not again.accepted and "being cancelled" in again.outcome

    assert (await patient.decide(case, Action.RETRY)).accepted
    assert (await patient.result(deal)).stage == "cancelled"
    assert standing(patient) == NOTHING


async def test_an_undo_whose_answer_is_lost_is_done_once(patient: World) -> None:
    """Five customers cancel at once, and of each one a different system's answer is lost."""
    # Given five complete orders, and an undo in each system that is carried out without an answer
    accounts = ("Globex", "Initech", "Hooli", "Umbrella", "Vehement")
    deals = await asyncio.gather(
        *(complete_but_for_payment(patient, account) for account in accounts)
    )
    undone = [await _references(patient, deal) for deal in deals]
    lost = (
        (patient.billing, "DELETE", undone[0]["activate_subscription"]),
        (patient.erp, "PATCH", undone[1]["book_order"]),
        (patient.support, "PUT", undone[2]["provision_entitlement"]),
        (patient.crm, "PATCH", undone[3]["write_back"]),
    )
    for system, method, record in lost:
        system.faults.arm(kind="lost_response", method=method, path=record)
    closing = undone[4]["start_onboarding"]
    patient.success.faults.arm(kind="lost_response", method="PUT", path="/cta", body=closing)

    # When they are cancelled
    for deal in deals:
        await ask_to_cancel(patient, deal, await plan_shown(patient, deal))
    results = await asyncio.gather(*(patient.result(deal) for deal in deals))

    # Then nothing of them stands, and no record was undone a second time
    assert {result.stage for result in results} == {"cancelled"}
    assert standing(patient) == NOTHING
    assert len(calls(patient.billing, "DELETE")) == len(deals)
    assert len(calls(patient.erp, "PATCH", "/salesOrder/")) == len(deals)
    assert len(calls(patient.success, "PUT", "/cta")) == len(deals)


async def _references(tieline: World, deal: str) -> dict[str, str]:
    return {step.name: step.reference for step in (await tieline.progress(deal)).steps}
