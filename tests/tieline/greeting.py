"""A small process for tests of the Temporal client."""

from temporalio import workflow

from canonical.messages import QuoteToCashInput, QuoteToCashResult


@workflow.defn(name="greeting")
class Greeting:
    """Answers with the deal it was started for."""

    @workflow.run
    async def run(self, start: QuoteToCashInput) -> QuoteToCashResult:
        """The deal, at a stage of its own."""
        return QuoteToCashResult(stage="greeted", opportunity_id=start.opportunity_id)


@workflow.defn(name="refusal")
class Refusal:
    """Fails with what should not be read by a stranger."""

    @workflow.run
    async def run(self, start: QuoteToCashInput) -> None:
        """Refuse the deal."""
        from temporalio.exceptions import ApplicationError

        raise ApplicationError(f"credit hold of {start.opportunity_id}", non_retryable=True)
