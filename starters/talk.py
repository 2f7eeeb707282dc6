"""Talks to a running process: queries and updates, with Temporal's errors in our words."""

import asyncio
from datetime import datetime
from typing import Any, TypeVar

from temporalio.client import WorkflowHandle, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from canonical.errors import NotBegun, NotFound, Rejected, Unavailable
from canonical.orders import Fact
from starters.launch import translated

TIMEOUT_SECONDS = 60.0
T = TypeVar("T", bound=Fact)


async def ask(handle: WorkflowHandle[Any, Any], query: str, kind: type[T]) -> T:
    """The answer to a query; raises NotFound without the process, Unavailable without a worker, and
    NotBegun while the process is put off."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer: T = await handle.query(query, result_type=kind)
            return answer
    except WorkflowQueryFailedError as error:
        raise Rejected(f"{handle.id}: {error}", about=handle.id) from error
    except (RPCError, TimeoutError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.FAILED_PRECONDITION:
            await _check_begun(handle)
        raise _translated(handle, error) from error


async def tell(handle: WorkflowHandle[Any, Any], update: str, message: Fact, kind: type[T]) -> T:
    """The outcome of an update; raises Rejected when the process refuses the message."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            outcome: T = await handle.execute_update(update, message, result_type=kind)
            return outcome
    except WorkflowUpdateFailedError as error:
        said = error.cause.message if isinstance(error.cause, FailureError) else error.cause
        raise Rejected(f"{handle.id}: {said}", about=handle.id) from error
    except (RPCError, TimeoutError) as error:
        raise _translated(handle, error) from error


async def _check_begun(handle: WorkflowHandle[Any, Any]) -> None:
    """Raises NotBegun for a process that could not be asked, and was started to begin later."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            described = await handle.describe()
    except (RPCError, TimeoutError) as error:
        raise _translated(handle, error) from error
    begins_at: datetime | None = described.execution_time
    if begins_at is not None and begins_at > described.start_time:
        raise NotBegun(
            f"{handle.id} has not begun: it begins at {begins_at:%Y-%m-%d %H:%M:%S}Z",
            about=handle.id,
            details={"begins_at": begins_at.isoformat()},
        )


def _translated(handle: WorkflowHandle[Any, Any], error: Exception) -> Exception:
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return NotFound(f"there is no running process {handle.id}", about=handle.id)
    if isinstance(error, TimeoutError):
        return Unavailable(
            f"{handle.id} did not answer in {TIMEOUT_SECONDS:.0f} s: is a worker running?",
            about=handle.id,
        )
    return translated(error)
