"""Starts a business process exactly once for its workflow id, whoever asks and however often."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from canonical.errors import (
    Conflict,
    Malformed,
    Misconfigured,
    RateLimited,
    TielineError,
    Unauthorized,
    Unavailable,
)
from canonical.ids import digest
from canonical.orders import Fact
from workflows.visibility import begun

TIMEOUT_SECONDS = 10.0
INPUT_DIGEST = "input_digest"

RPC_ERRORS: Mapping[RPCStatusCode, type[TielineError]] = {
    RPCStatusCode.UNAUTHENTICATED: Unauthorized,
    RPCStatusCode.PERMISSION_DENIED: Unauthorized,
    RPCStatusCode.NOT_FOUND: Misconfigured,  # the namespace
    RPCStatusCode.INVALID_ARGUMENT: Malformed,  # an unregistered search attribute, an id too long
    RPCStatusCode.RESOURCE_EXHAUSTED: RateLimited,
}


@dataclass(frozen=True)
class Started:
    """A process that runs, or ran, under this id; `new` when this call started it."""

    workflow_id: str
    run_id: str
    new: bool


async def start_process(
    client: Client,
    workflow: str,
    start: Fact,
    *,
    workflow_id: str,
    task_queue: str,
    stage: str = "started",
    summary: str = "",
    priority: Priority | None = None,
) -> Started:
    """Start the workflow of this type name, or find the run that stands under its id, even a closed
    one.

    Raises Conflict when that run was started with another input, Unavailable or RateLimited when
    Temporal cannot take it now, and Unauthorized, Misconfigured or Malformed when it never will.
    """
    options: dict[str, Any] = {
        "memo": {INPUT_DIGEST: digest(start)},
        "search_attributes": begun(workflow, stage),
        "static_summary": summary or None,
        "priority": priority or Priority.default,
        "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
    }
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            handle = await client.start_workflow(
                workflow, start, id=workflow_id, task_queue=task_queue, **options
            )
    except WorkflowAlreadyStartedError as error:
        return await _existing(client, workflow_id, error.run_id, digest(start))
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise translated(error) from error
    return Started(workflow_id, handle.result_run_id or "", new=True)


async def _existing(
    client: Client, workflow_id: str, run_id: str | None, input_digest: str
) -> Started:
    """The run that stands, if it was started with the same input."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            run = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
            known = await _digest_of(run)
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise translated(error) from error
    if known != input_digest:
        raise Conflict(
            f"{workflow_id} was started with another input",
            about=workflow_id,
            details={"standing": known, "asked": input_digest},
        )
    return Started(workflow_id, run.run_id, new=False)


async def _digest_of(run: WorkflowExecutionDescription) -> str:
    memo = await run.memo()
    return str(memo.get(INPUT_DIGEST, ""))


def translated(error: Exception) -> TielineError:
    """Temporal's refusal in our words; what is not recognised counts as unavailable.

    Starting again is harmless, so a lost answer needs no class of its own.
    """
    if isinstance(error, RPCError):
        kind = RPC_ERRORS.get(error.status, Unavailable)
        return kind(f"Temporal refused: {error.message}", about="temporal")
    return Unavailable("Temporal does not answer", about="temporal")
