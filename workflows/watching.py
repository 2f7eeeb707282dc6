"""Processes that watch over something: they look, and wait for the next reason.

Reasons are events and days. What an event says is never believed: it only makes the process look.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError

from canonical.desk import COMPLETED
from canonical.messages import BusinessEvent
from canonical.visibility import STAGE
from workflows.process import Process
from workflows.steps import attempt
from workflows.waking import Alarm

READ_PATIENCE = timedelta(minutes=10)
# After a look at what one event told, others are waited for: a burst of them is a few looks.
BETWEEN_LOOKS = timedelta(minutes=5)
# When on a day something is looked at: after midnight everywhere that is not far east.
MORNING = time(6, 0, tzinfo=UTC)

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")


def morning(day: date | None) -> datetime | None:
    """The moment of a day at which things are looked at."""
    return datetime.combine(day, MORNING) if day is not None else None


class Watching(Process):
    """What a process needs that lives as long as an account or a contract."""

    def __init__(self, business_id: str) -> None:
        super().__init__(business_id)
        self._alarm = Alarm()
        self._reasons = 0

    def publish(self, updates: list[SearchAttributeUpdate[Any]]) -> None:
        """Tell operators' listings what they do not show already, from the start or an earlier
        run: whoever lives for years comes to the same stage again and again. That a process has
        completed is what Temporal itself says of it."""
        known = workflow.info().typed_search_attributes
        if self.stage == COMPLETED:
            updates = [update for update in updates if update.key.name != STAGE]
        if any(known.get(update.key) != update.value for update in updates):
            super().publish(updates)

    def heard(self, event: BusinessEvent) -> None:
        """An event is a reason to look again."""
        self._reasons += 1

    @property
    def today(self) -> date:
        """The process's own day, in UTC."""
        return workflow.now().date()

    async def answer(
        self,
        activity: Callable[[S, R], Awaitable[T]],
        request: R,
        *,
        connection: str,
        summary: str,
    ) -> T | None:
        """What a system says, asked for a few minutes; None when it is away or refuses."""
        try:
            said: T = await attempt(
                activity,
                request,
                connection=connection,
                gates=False,
                patience=READ_PATIENCE,
                summary=summary,
            )
        except ActivityError as error:
            workflow.logger.warning("%s did not answer: %s", summary, error)
            return None
        return said

    async def until(self, *moments: datetime | None, heard: Callable[[], bool]) -> bool:
        """Wait for the first of the moments, or until there is a reason to look before; True when
        it was a moment. A process with a long history starts anew first."""
        self.renew_history()
        self._alarm.set(*moments)
        await workflow.wait_condition(lambda: heard() or self._alarm.rang)
        return self._alarm.rang

    async def settle(self, *, since: datetime) -> None:
        """Let what comes at once be seen at once: the first of a burst, and then the rest of it,
        which is waited for `since` the last look."""
        pause = since + BETWEEN_LOOKS - workflow.now()
        if pause > timedelta():
            await workflow.sleep(pause)

    @property
    def reasons(self) -> int:
        """How many events were heard so far: taken before a look, it shows what came during it."""
        return self._reasons

    def renew_history(self) -> None:
        """Go on in a new run when this one's history is long; only while nothing is open."""
        quiet = not self.cases and workflow.all_handlers_finished()
        if quiet and workflow.info().is_continue_as_new_suggested():
            self.start_anew()

    def start_anew(self) -> Any:
        """Continue as new with what has to be remembered; raises ContinueAsNewError."""
        raise RuntimeError("a process that lives long says what it remembers")
