"""Starting, following and calling off one process from the command line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.common import WorkflowIDConflictPolicy

from canonical.ids import PROCESS_QUEUE, quote_to_cash_id
from canonical.messages import BusinessEvent
from canonical.risk_messages import AccountRisk, invoice_risk_id
from tests.cli.terminal import Said, awaited
from tests.stories.evidence import complete_but_for_payment
from tests.world import World, eventually, line


def start(deal: str) -> list[str]:
    """The command that starts a deal."""
    return ["start", "quote-to-cash", "--opportunity", deal]


async def test_a_deal_is_started_once_however_often_and_however_its_id_is_written(
    tieline: World,
) -> None:
    """Its callout was lost, and two people catch up on it, one with the CRM's short id."""
    config = ("--config", tieline.config)
    deal = tieline.deal("Globex", line("GTX-PRO", "8400.00"))
    workflow = quote_to_cash_id("crm", deal)

    first = await awaited(*config, *start(deal))
    second = await awaited(*config, *start(deal))
    short = await awaited(*config, "--json", *start(deal[:15]), "--crm", "crm")

    assert (first.code, first.out) == (0, f"{workflow}  started\n")
    assert (second.code, second.out) == (0, f"{workflow}  stands already\n")
    (stands,) = short.json
    assert (stands["workflow_id"], stands["new"]) == (workflow, False)
    assert (await tieline.result(deal)).stage == "completed"

    # Where it stands, for people and for scripts
    shown = await awaited(*config, "progress", workflow)
    state = await awaited(*config, "--json", "progress", workflow)
    assert shown.code == 0
    assert "Globex  8,400.00 USD" in shown.out and "book order" in shown.out
    assert state.json["stage"] == "completed" and state.json["retrying"] == []

    # All of them, and a stage at which there is none
    overview = await awaited(*config, "progress")
    counted = await awaited(*config, "--json", "progress")
    none = await awaited(*config, "progress", "--stage", "exception")
    assert (overview.code, overview.err) == (0, "")
    assert workflow in overview.out and "8,400.00 USD" in overview.out
    orders = [one for one in counted.json["stages"] if one["process"] == "quote-to-cash"]
    assert orders == [
        {
            "process": "quote-to-cash",
            "stage": "completed",
            "count": 1,
            "value": [{"amount_minor": 840000, "currency": "USD"}],
        }
    ]
    assert workflow not in none.out

    # It is over: there is nothing to cancel
    late = await awaited(*config, "cancel", workflow, "--plan", "0a1b", "--reason", "fraud")
    assert late.code == 1
    assert late.refusal == f"NotFound: there is no running process {workflow}"


async def test_what_is_not_there_is_said_in_one_sentence(tieline: World) -> None:
    """A mistyped deal, connection or process; a deal that the CRM does not know becomes a case."""
    config = ("--config", tieline.config)
    nobody = quote_to_cash_id("crm", "0065g000KlPpzeOAIR")

    typo = await awaited(*config, *start("Globex - new business"))
    crm = await awaited(*config, *start("0065g000KlPpzeOAIR"), "--crm", "crm-emea")
    shown = await awaited(*config, "progress", nobody)
    plan = await awaited(*config, "cancel", nobody)
    cancelled = await awaited(*config, "cancel", nobody, "--plan", "0a", "--reason", "fraud")

    assert typo.code == 2
    assert typo.refusal == "Misconfigured: 'Globex - new business' is no record id of salesforce"
    assert crm.code == 2
    expected = "Misconfigured: there is no CRM connection crm-emea; name one with --crm: crm"
    assert crm.refusal == expected
    for said in (shown, plan, cancelled):
        assert said.code == 1
        assert said.refusal == f"NotFound: there is no running process {nobody}"

    # Only the CRM can tell whether the deal is there
    unknown = "006000000000999AAA"
    tieline.deals.append(unknown)
    begun = await awaited(*config, *start(unknown))
    case = await tieline.case(unknown)
    progress = await awaited(*config, "progress", quote_to_cash_id("crm", unknown))
    assert begun.code == progress.code == 0
    assert case.failure.cause == "NotFound"
    assert f"tieline exceptions show {case.case_id}" in progress.out


async def test_a_cancellation_shows_its_plan_and_money_first_and_binds_to_it(
    patient: World,
) -> None:
    """What is agreed to is the plan that was shown, by its digest."""
    config = ("--config", patient.config)
    deal = await complete_but_for_payment(patient)
    workflow = quote_to_cash_id("crm", deal)

    # The plan, with its money and the command that agrees to it
    plan = await awaited(*config, "--json", "cancel", workflow)
    shown = await awaited(*config, "cancel", workflow)
    digest = plan.json["digest"]
    assert shown.code == 0
    assert "cancel the subscription" in shown.out
    assert "Releases 8,400.00 USD. To go ahead:" in shown.out
    assert f"tieline cancel {workflow} --reason '...' --plan {digest}" in shown.out
    assert len(patient.subscriptions("active")) == 1

    # Another plan is refused
    wrong = await awaited(*config, "cancel", workflow, "--plan", "0a1b", "--reason", "fraud")
    assert wrong.code == 1
    assert wrong.refusal.startswith(f"Rejected: {workflow}: the plan has changed")
    assert len(patient.subscriptions("active")) == 1

    # This one is done
    done = await awaited(
        *config, "cancel", workflow, "--plan", digest, "--reason", "fraud", "--by", "Ada"
    )
    assert (done.code, done.err) == (0, "")
    assert (await patient.result(deal)).stage == "cancelled"
    assert patient.subscriptions("active") == []


async def test_a_step_that_is_retried_is_seen_with_its_last_failure(tieline: World) -> None:
    """The ERP is down: nothing has failed yet, but somebody asks why it takes so long."""
    config = ("--config", tieline.config)
    tieline.erp.faults.arm(kind="outage", status=503, seconds=60)
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    workflow = quote_to_cash_id("crm", deal)

    async def retried() -> Said | None:
        said = await awaited(*config, "progress", workflow)
        return said if "retrying" in said.out else None

    said = await eventually(retried)
    assert said.code == 0
    assert re.search(r"^retrying  erp\.\w+: attempt \d+, ", said.out, re.MULTILINE), said.out


async def test_a_process_that_is_put_off_says_when_it_begins(tieline: World) -> None:
    """It cannot be asked before, and nobody is kept waiting; trouble begins it at once."""
    config = ("--config", tieline.config)
    account = tieline.account("Globex")
    workflow = invoice_risk_id(account)

    async def start(delay: timedelta | None) -> None:
        options: dict[str, Any] = {
            "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            "start_signal": "business_event",
            "start_signal_args": [BusinessEvent(type="invoice.overdue")],
            "start_delay": delay,
        }
        told = AccountRisk(account_id=account, cause="ev-1", sources=["billing"])
        await tieline.client.start_workflow(
            "invoice-risk-to-health", told, id=workflow, task_queue=PROCESS_QUEUE, **options
        )

    await start(timedelta(days=4))
    shown = await awaited(*config, "progress", workflow)
    state = await awaited(*config, "--json", "progress", workflow)
    plan = await awaited(*config, "cancel", workflow)

    begins = datetime.fromisoformat(state.json["begins_at"])
    assert timedelta(days=3, hours=23) < begins - datetime.now(UTC) < timedelta(days=4)
    assert state.json == {
        "workflow_id": workflow,
        "stage": "not_begun",
        "begins_at": begins.isoformat(),
    }
    said = f"{workflow} has not begun: it begins at {begins:%Y-%m-%d %H:%M:%S}Z"
    assert (shown.code, shown.out, shown.err) == (0, f"{said}\n", "")
    assert (plan.code, plan.refusal) == (1, f"NotBegun: {said}")

    # A payment that is told to it changes nothing; trouble, which starts it again, does
    process = tieline.client.get_workflow_handle(workflow)
    await process.signal("business_event", BusinessEvent(type="payment.received"))
    still = await awaited(*config, "--json", "progress", workflow)
    assert still.json == state.json
    await start(None)
    await process.result()
    ended = await awaited(*config, "--json", "progress", workflow)
    assert ended.json["stage"] == "completed"
