"""Product usage as a source; nothing is written."""

from datetime import UTC, datetime, time

from temporalio import activity

from canonical.ports.usage import UsagePort
from canonical.renewal import AdoptionFacts
from canonical.risk_messages import AccountQuestion


class UsageActivities:
    """What processes ask of one usage source."""

    def __init__(self, port: UsagePort) -> None:
        self._port = port

    @activity.defn(name="usage.adoption")
    async def adoption(self, question: AccountQuestion) -> AdoptionFacts:
        """How much of what it bought the account uses, up to the process's own day (R83)."""
        until = datetime.combine(question.today, time.max, UTC)
        return await self._port.adoption(question.account_id, until)
