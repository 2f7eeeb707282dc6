"""Days and weeks of waiting, on real servers whose workflows have clocks of their own."""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from canonical.desk import Action, CaseState, ExceptionCase
from canonical.milestones import Milestone
from canonical.visibility import SEARCH_ATTRIBUTES
from ledger.views.cases import list_cases
from tests.stories.evidence import calls, filed
from tests.world import World, eventually, line, world
from tieline.rehearsal.credentials import Credentials
from tieline.settings import Settings
from tieline.temporal import plugin
from workflows.exceptions import ESCALATIONS_MAX


@pytest.fixture
async def tieline(
    tmp_path: Path, clocks: WorkflowEnvironment, credentials: Credentials
) -> AsyncIterator[World]:
    """A world on that server, whose processes begin in the present."""
    with clocks.with_time_skipping_disabled():
        async with world(tmp_path, clocks.client, credentials) as built:
            yield built


async def test_three_days_without_customer_success_hold_nobody(
    tieline: World, clocks: WorkflowEnvironment
) -> None:
    """Finance, support and the CRM are done in seconds; the onboarding stands when it can."""
    # Friday: Gainsight is down, and Globex signs
    tieline.success.faults.arm(kind="outage", seconds=3600)
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"))
    await tieline.start(deal)
    await eventually(lambda: tieline.opportunity(deal)["Activation_Status__c"] == "Active")

    # Monday: everybody else has long been served, and nobody was called for it
    assert await clocks.fast_forward(tieline.process(deal), timedelta(days=3))
    (organization,) = tieline.support.state()["organizations"]
    progress = await tieline.progress(deal)
    steps = {step.name: step.state for step in progress.steps}
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 1
    assert organization["organization_fields"]["support_tier"] == "standard"
    assert steps.pop("start_onboarding") == "running"
    assert set(steps.values()) == {"done"}
    assert await list_cases(tieline.house.database) == []
    assert not tieline.success.state()["call_to_action"]

    # The vendor was asked patiently: hourly in the end, not each second of three days
    assert 72 < len(calls(tieline.success)) < 100

    # Then it is back, and the onboarding stands without anybody's help
    tieline.success.faults.clear()
    await clocks.fast_forward(tieline.process(deal))
    result = await tieline.result(deal)
    assert (result.stage, result.skipped) == ("completed", [])
    assert len(tieline.success.state()["Company"]) == 1
    assert len(tieline.success.state()["call_to_action"]) == 1


async def test_a_billing_outage_beyond_its_patience_becomes_a_case_that_a_retry_resolves(
    tieline: World, clocks: WorkflowEnvironment
) -> None:
    """A gate waits for an hour by itself, then finance operations hears of it."""
    # Given Stripe is down when Initech signs
    tieline.billing.faults.arm(kind="outage", seconds=3600)
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    await eventually(lambda: calls(tieline.billing))

    # When 55 minutes have passed, nobody has been called yet
    await clocks.fast_forward(tieline.process(deal), timedelta(minutes=55))
    assert (await tieline.progress(deal)).cases == []

    # When the hour of patience is over, the step is a case of its owner, and the ERP still waits
    await clocks.fast_forward(tieline.process(deal), timedelta(minutes=10))
    case = await tieline.case(deal, "activate_subscription")
    assert (case.failure.cause, case.owner) == ("Unavailable", "finance-ops")
    assert (case.gates, str(case.held)) == (True, "8,400.00 USD")
    assert not calls(tieline.erp, path="/record/v1/salesOrder")
    assert tieline.subscriptions() == []

    # Then Stripe recovers, one person says so, and the order is fulfilled once
    tieline.billing.faults.clear()
    assert (await tieline.decide(case, Action.RETRY)).state is CaseState.RESOLVED
    result = await tieline.result(deal)
    assert result.stage == "completed"
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 1
    assert len(tieline.billing.state()["customers"]) == 1


async def test_a_case_that_nobody_decides_climbs_to_the_head_of_finance_and_stops_there(
    tieline: World, clocks: WorkflowEnvironment
) -> None:
    """Each missed deadline hands the case on with a new one; a forgotten case costs no more."""
    # Monday morning: a product code that the catalogue cannot place
    deal = tieline.deal("Umbrella", line("GTXPRO", "8400.00"))
    await tieline.start(deal)
    case = await tieline.case(deal, "accept_order")
    assert case.opened_at is not None
    assert (case.owner, case.deadline - case.opened_at) == ("finance-ops", timedelta(hours=24))

    # Tuesday, and every eight hours from then on
    owners = [case.owner]
    for level, hours in ((1, 24), (2, 8), (3, 8)):
        await clocks.fast_forward(tieline.process(deal), timedelta(hours=hours, minutes=1))
        late = await _escalated(tieline, deal, level)
        owners.append(late.owner)
        assert timedelta() < late.deadline - case.deadline - timedelta(hours=8 * level) < _SLACK
        assert late.evidence_digest == case.evidence_digest
    assert owners == ["finance-ops", "finance-lead", "finance-lead", "finance-lead"]

    # Three months later: the last owner still has it, and the process has long been quiet
    await clocks.fast_forward(tieline.process(deal), timedelta(days=90))
    forgotten = await _escalated(tieline, deal, ESCALATIONS_MAX)
    assert await clocks.get_current_time(tieline.process(deal)) > forgotten.deadline
    assert len((await tieline.process(deal).fetch_history()).events) < 20 * ESCALATIONS_MAX

    # And a decision on the evidence that was first shown still counts
    correction = {"products": {"GTXPRO": "GTX-PRO"}}
    decided = await tieline.decide(case, Action.AMEND, amendment=correction)
    assert decided.state is CaseState.RESOLVED
    assert (await tieline.result(deal)).stage == "completed"
    assert (await filed(tieline, case.case_id)).case.escalations == ESCALATIONS_MAX


async def test_hours_of_refusals_pass_in_a_moment_on_the_small_test_server(
    tmp_path: Path, credentials: Credentials
) -> None:
    """The older test server, one clock for all, suffices where only waiting is told."""
    async with await WorkflowEnvironment.start_time_skipping(
        plugins=[plugin(Settings())],
        test_server_existing_path=str(Path(sys.executable).parent / "temporal-test-server"),
    ) as environment:
        await _register_search_attributes(environment.client)
        async with world(tmp_path, environment.client, credentials) as tieline:
            # Given Zendesk answers 503 eight times in a row: four minutes of back-off
            tieline.support.faults.arm(kind="error_before", status=503, times=8)
            deal = tieline.deal("Hooli")

            # When half an hour passes on the clock of all
            await tieline.start(deal)
            await eventually(lambda: calls(tieline.support))
            await environment.sleep(timedelta(minutes=30))
            result = await tieline.result(deal)

            # Then the entitlement stands, minutes later by the process's clock
            assert result.stage == "completed"
            reached = (await tieline.progress(deal)).milestones
            waited = reached[Milestone.ENTITLEMENT_PROVISIONED] - reached[Milestone.ORDER_ACCEPTED]
            assert waited > timedelta(minutes=4)


_SLACK = timedelta(minutes=10)


async def _escalated(tieline: World, deal: str, level: int) -> ExceptionCase:
    async def found() -> ExceptionCase | None:
        cases = (await tieline.progress(deal)).cases
        return next((case for case in cases if case.escalations == level), None)

    case: ExceptionCase = await eventually(found)
    return case


async def _register_search_attributes(client: Client) -> None:
    """A process that sets an attribute which is not registered would hang."""
    kinds = {
        name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
        for name, kind in SEARCH_ATTRIBUTES.items()
    }
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(search_attributes=kinds, namespace="default")
    )
