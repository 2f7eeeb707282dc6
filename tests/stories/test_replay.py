"""Processes that are under way survive a new version: each recorded history replays (R91)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
    WorkflowReplayResult,
)

from governance.catalogue import load_catalogue
from tests.stories.changed_workflows import BooksBeforeBilling, ChargesTenfold
from tieline.settings import Settings
from tieline.temporal import plugin
from workers.registry import WORKFLOWS

FILES = sorted((Path(__file__).parents[1] / "histories").glob("*.json"))
ALARMS = sorted((Path(__file__).parents[1] / "histories" / "alarms").glob("*.json"))
PORTFOLIO = sorted((Path(__file__).parents[1] / "histories" / "portfolio").glob("*.json"))
HAPPY_PATH = next(file for file in FILES if file.stem == "happy_path")

# An activity and the amounts in its input, each with its place there.
Asked = tuple[str, list[tuple[str, Any]]]


class Asking(Interceptor):
    """Notes which activities a replayed workflow asks for, and with which amounts.

    The replayer compares commands, not their arguments: another price would go unnoticed.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  the SDK's name
    ) -> type[WorkflowInboundInterceptor]:
        """An interceptor that reports to this one."""
        asked = self.asked

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
                encoded = workflow.payload_converter().to_payloads(input.args)
                asked.append((input.activity, amounts_in(encoded)))
                return super().start_activity(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound


async def replayed(
    file: Path, *workflows: type, interceptors: list[Interceptor] | None = None
) -> WorkflowReplayResult:
    """What comes of replaying a history with these workflows, decoded as in production."""
    replayer = Replayer(
        workflows=list(workflows) or WORKFLOWS,
        plugins=[plugin(Settings())],
        interceptors=interceptors or [],
    )
    return await replayer.replay_workflow(history_of(file), raise_on_replay_failure=False)


def history_of(file: Path) -> WorkflowHistory:
    """A recorded history, under the workflow id that its process had."""
    text = file.read_text()
    started = orjson.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], text)


def amounts_in(payloads: Any) -> list[tuple[str, Any]]:
    """Every amount and currency of an input, by its place in it."""
    return [
        (f"{place}.{name}", value)
        for number, payload in enumerate(payloads)
        for place, name, value in _leaves(str(number), orjson.loads(payload.data))
        if name.endswith("_minor") or name in ("currency", "quantity")
    ]


def _leaves(place: str, value: Any, name: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{place}.{name}" if name else place, inner, key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(f"{place}.{name}", inner, str(number))
    else:
        yield place, name, value


def recorded(file: Path) -> list[Asked]:
    """What the process asked for when it really ran."""
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in history_of(file).events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    return [
        (one.activity_type.name, amounts_in(_payloads(one.input.payloads))) for one in scheduled
    ]


def _payloads(payloads: Any) -> list[Payload]:
    assert all(payload.metadata["encoding"] == b"json/plain" for payload in payloads)
    return list(payloads)


@pytest.mark.parametrize("file", [*FILES, *ALARMS, *PORTFOLIO], ids=lambda file: file.stem)
async def test_a_recorded_history_replays_with_the_present_workflows(file: Path) -> None:
    """The same commands in the same order, or running processes would be stuck."""
    result = await replayed(file)

    assert result.replay_failure is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_replay_asks_every_system_for_the_amounts_that_were_recorded(file: Path) -> None:
    """To the minor unit, in each activity's input."""
    asking = Asking()

    await replayed(file, interceptors=[asking])

    assert asking.asked == recorded(file)
    money = [amount for _, amounts in asking.asked for amount in amounts]
    assert ("0.subscription.total.amount_minor") in {place for place, _ in money}


def test_the_histories_cover_every_way_an_order_can_go() -> None:
    """Plain, corrected, approved by two, called off, paid, and forgotten for a while; and an alarm
    that healed, was skipped, or was called off."""
    assert {file.stem for file in FILES} >= {
        "happy_path",
        "billing_exception_amended",
        "two_approvals",
        "cancellation",
        "milestones_by_signals",
        "escalation",
    }
    assert {file.stem for file in ALARMS} >= {"healed", "skipped", "cancelled"}


def test_the_histories_cover_what_becomes_of_accounts_and_contracts() -> None:
    """A risk that grows and ends, is a subsidiary's, unknown, held or called off; a renewal that is
    won and begins anew, and one that is moved and cancelled."""
    assert {file.stem for file in PORTFOLIO} >= {
        "risk_escalated_and_paid",
        "risk_of_a_subsidiary",
        "risk_of_a_parent",
        "risk_while_the_owner_is_away",
        "risk_with_a_case",
        "risk_called_off",
        "renewal_won",
        "renewal_of_the_next_term",
        "renewal_moved_and_cancelled",
    }


def test_every_process_of_the_catalogue_has_a_recorded_history() -> None:
    """Or a change of it would be proven by nothing."""
    started = [history_of(file).events[0] for file in (*FILES, *PORTFOLIO)]
    recorded_types = {
        event.workflow_execution_started_event_attributes.workflow_type.name for event in started
    }

    assert recorded_types >= set(load_catalogue().processes.processes)


async def test_a_workflow_that_takes_its_steps_in_another_order_is_caught() -> None:
    """The gates one after the other are other commands than the gates side by side."""
    result = await replayed(HAPPY_PATH, BooksBeforeBilling)

    assert result.replay_failure is not None
    assert "Nondeterminism" in str(result.replay_failure)


async def test_a_workflow_that_asks_for_other_amounts_is_caught_by_the_amounts_alone() -> None:
    """The replayer itself finds nothing wrong with ten times the price."""
    asking = Asking()

    result = await replayed(HAPPY_PATH, ChargesTenfold, interceptors=[asking])

    assert result.replay_failure is None
    different = [a for a, b in zip(asking.asked, recorded(HAPPY_PATH), strict=True) if a != b]
    assert [activity for activity, _ in different] == ["billing.activate_subscription"]
