"""The benchmark of a portfolio runs, and counts what it says it counts."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.portfolio_histories import LOCAL_ACTIVITY, actions_of
from benchmarks.portfolio_report import ACTIONS_MAX

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARK = ROOT / "benchmarks" / "portfolio.py"
RUN_SECONDS_MAX = 280


async def test_two_subscriptions_live_their_year() -> None:
    """Every renewal is won, every risk is over, histories and server count the same; and however
    late the two invoices are, it costs no more than it may."""
    code, said = await run("--subscriptions", "2", "--days-late", "3", "20", "--json")
    assert code == 0
    graced, late = json.loads(said)
    assert (graced["days_late"], late["days_late"]) == (3, 20)
    assert graced["outcomes"] == [{"renewal won": 2, "risk completed, at worst none": 2}]
    assert late["outcomes"] == [{"renewal won": 2, "risk completed, at worst high": 2}]
    for found in (graced, late):
        rows = figures(found)
        assert found["subscriptions"] == [2]
        assert rows["events handled/s"] > 0
        # An attempt that a starving server lost need not be in both counts.
        told = rows["by the server's own count"]
        assert told == pytest.approx(rows["actions/subscription and year"], abs=2)
        assert rows["actions/subscription and year"] <= ACTIONS_MAX
        assert rows["with its share of a daily reconcile"] > told
        assert rows["worker MB at most"] >= rows["worker MB, all clocks started"] > 0


def figures(found: dict[str, Any]) -> dict[str, float]:
    """What was measured at the only size."""
    return {row["figure"].strip(): row["at"][0] for row in found["rows"]}


@pytest.mark.parametrize("given", [("--subscriptions", "0"), ("--days-late", "90")])
async def test_what_makes_no_sense_is_refused(given: tuple[str, ...]) -> None:
    """As a usage error, before anything is started."""
    code, said = await run(*given)
    assert (code, said) == (2, "")


def test_what_costs_an_action() -> None:
    """A start and its signal are one, and so are the local activities of one task."""
    history = [
        event("WORKFLOW_EXECUTION_STARTED"),
        event("WORKFLOW_EXECUTION_SIGNALED"),
        event("WORKFLOW_TASK_STARTED"),
        marked(task=4),
        marked(task=4),
        event("ACTIVITY_TASK_SCHEDULED"),
        attempted(3),
        event("TIMER_STARTED"),
        event("WORKFLOW_EXECUTION_SIGNALED"),
        marked(task=9),
        event("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"),
        event("WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED"),
    ]
    assert actions_of(history) == {
        "starts": 1,
        "signals": 1,
        "activities": 1,
        "retries": 2,
        "timers": 1,
        "local activities": 2,
        "search attributes": 1,
    }


async def run(*arguments: str) -> tuple[int, str]:
    """The exit code of the benchmark and what it printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(BENCHMARK), *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(RUN_SECONDS_MAX):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    return child.returncode or 0, said.decode()


def event(name: str) -> HistoryEvent:
    """An event of a kind, without any more of it."""
    return HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{name}"))


def marked(task: int) -> HistoryEvent:
    """A local activity that a workflow task recorded."""
    made = event("MARKER_RECORDED")
    made.marker_recorded_event_attributes.marker_name = LOCAL_ACTIVITY
    made.marker_recorded_event_attributes.workflow_task_completed_event_id = task
    return made


def attempted(times: int) -> HistoryEvent:
    """An activity that began for the so manieth time."""
    made = event("ACTIVITY_TASK_STARTED")
    made.activity_task_started_event_attributes.attempt = times
    return made
