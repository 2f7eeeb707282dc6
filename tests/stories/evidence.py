"""What a story reads as evidence: the ledger's rows, Temporal's history, each vendor's log."""

from collections import Counter
from typing import Any

from temporalio.client import WorkflowHistory

from canonical.desk import ResolutionOutcome
from canonical.effects import EffectState
from canonical.ids import correlation_id, quote_to_cash_id
from canonical.messages import CancelRequest, CompensationPlan
from ledger.views.cases import CaseDetail, show_case
from ledger.views.effects import effects_of
from simulators.kernel import Simulator
from tests.world import World, eventually, line

COUNTED_AS_ACTIONS = (
    "workflow_execution_started",
    "activity_task_scheduled",
    "timer_started",
    "upsert_workflow_search_attributes",
    "workflow_execution_update_accepted",
    "workflow_execution_signaled",
)
NOTHING = {"subscriptions": 0, "orders": 0, "entitlements": 0, "onboardings": 0}


def correlation_of(deal: str) -> str:
    """The id that every record of this deal carries."""
    return correlation_id(quote_to_cash_id("crm", deal))


async def effect_states(tieline: World, deal: str) -> dict[str, EffectState]:
    """What is known of each write of a deal, by the kind of what was written."""
    lines = await effects_of(tieline.house.database, quote_to_cash_id("crm", deal))
    return {f"{line.connection} {line.kind}": line.state for line in lines}


async def filed(tieline: World, case_id: str) -> CaseDetail:
    """A case as an auditor finds it in the ledger, with every decision on it."""
    detail = await show_case(tieline.house.database, case_id)
    assert detail is not None, case_id
    return detail


async def plan_shown(tieline: World, deal: str) -> CompensationPlan:
    """What the process says a cancellation would undo."""
    return await tieline.process(deal).query("compensation_plan", result_type=CompensationPlan)


async def ask_to_cancel(
    tieline: World, deal: str, plan: CompensationPlan, actor: str = "Ada", reason: str = "fraud"
) -> ResolutionOutcome:
    """A person's request to cancel, on the plan they were shown."""
    request = CancelRequest(actor=actor, reason=reason, plan_digest=plan.digest)
    return await tieline.process(deal).execute_update(
        "request_cancellation", request, result_type=ResolutionOutcome
    )


async def complete_but_for_payment(patient: World, account: str = "Globex") -> str:
    """A deal that is done in every system, in a world that still waits for its payment."""
    deal = patient.deal(account, line("GTX-PRO", "8400.00"))
    await patient.start(deal)
    await eventually(lambda: all_done(patient, deal))
    return deal


async def all_done(patient: World, deal: str) -> bool:
    """Whether every step of a deal's process is done."""
    states = {step.name: step.state for step in (await patient.progress(deal)).steps}
    return len(states) == 7 and set(states.values()) == {"done"}


def standing(tieline: World) -> dict[str, Any]:
    """What a customer, an accountant and an agent would still see of the orders."""
    organizations = tieline.support.state()["organizations"]
    onboardings = tieline.success.state()["call_to_action"].values()
    return {
        "subscriptions": len(tieline.subscriptions("active")),
        "orders": sum(not o["item"][0]["isClosed"] for o in tieline.sales_orders()),
        "entitlements": sum(bool(o["organization_fields"]["support_tier"]) for o in organizations),
        "onboardings": sum(not cta["IsClosed"] for cta in onboardings),
    }


def calls(vendor: Simulator, method: str = "*", path: str = "") -> list[dict[str, Any]]:
    """What a vendor was asked, oldest first."""
    return [
        entry for entry in vendor.log if method in ("*", entry["method"]) and path in entry["path"]
    ]


def actions_of(history: WorkflowHistory) -> int:
    """The Temporal actions a history cost: its commands and messages, and one for each workflow
    task that ran local activities."""
    kinds = Counter(_kind(event) for event in history.events)
    with_markers = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in history.events
        if _kind(event) == "marker_recorded"
    }
    return sum(kinds[kind] for kind in COUNTED_AS_ACTIONS) + len(with_markers)


def bytes_of(history: WorkflowHistory) -> int:
    """How much a history weighs."""
    return sum(event.ByteSize() for event in history.events)


def _kind(event: Any) -> str:
    return str(event.WhichOneof("attributes")).removesuffix("_event_attributes")
