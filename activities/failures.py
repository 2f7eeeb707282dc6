"""How an error of ours becomes Temporal's: type, retryability and delay, in one place."""

from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from canonical.errors import Consequence, TielineError


def to_application_error(error: TielineError) -> ApplicationError:
    """The Temporal failure: only transient errors are retried, after Retry-After if known.

    Expected refusals are benign: they belong on the exception desk, not in the failure metrics.
    """
    delay = error.retry_after_seconds
    return ApplicationError(
        str(error),
        {"cause_key": error.cause_key, "details": error.details},
        type=error.cause,
        non_retryable=error.follows is not Consequence.RETRY,
        next_retry_delay=timedelta(seconds=delay) if delay is not None else None,
        category=ApplicationErrorCategory.BENIGN
        if error.follows is not Consequence.STOP
        else ApplicationErrorCategory.UNSPECIFIED,
    )


class FailureInterceptor(Interceptor):
    """Turns canonical errors that leave an activity into Temporal failures."""

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002  the SDK's name
    ) -> ActivityInboundInterceptor:
        """Wrap every activity of the worker."""
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except TielineError as error:
            activity.logger.info("%s: %s", error.cause_key, error)
            # The chain of a wrapped client error may quote a request: it stays out of the history.
            failure = to_application_error(error)
            if activity.info().is_local:
                # Desk activities write to our own ledger: a process waits for it, and never ends
                # because a table or a disk has to be repaired first.
                failure = ApplicationError(str(error), type=error.cause)
            raise failure from None
