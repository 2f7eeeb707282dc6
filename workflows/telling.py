"""Processes that tell others of their kind: one that is not there yet is begun."""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

from canonical.messages import BusinessEvent

# How often another process may end just before it is told.
MISSED_MAX = 3


async def begin_or_tell(
    run: Callable[..., Any],
    start: Any,
    *,
    workflow_id: str,
    search_attributes: TypedSearchAttributes,
    told: BusinessEvent,
) -> None:
    """Begin a process that lives on its own, or tell the one that is there.

    One that ends at each of a few attempts is left alone: it looks once more before it ends.
    """
    for _ in range(MISSED_MAX):
        try:
            await workflow.start_child_workflow(
                run,
                start,
                id=workflow_id,
                search_attributes=search_attributes,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )
        except WorkflowAlreadyStartedError:
            if await _tell(workflow_id, told):
                return
        else:
            return


async def _tell(workflow_id: str, told: BusinessEvent) -> bool:
    """Whether the process was there to be told."""
    handle = workflow.get_external_workflow_handle(workflow_id)
    try:
        await handle.signal("business_event", told)
    except FailureError:  # it ended in between
        return False
    return True
