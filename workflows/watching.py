"""Processes that watch over something: they look, and wait for the next reason.

Reasons are events and days. What an event says is never believed: it only makes the process look.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError

from canonical.messages import BusinessEvent
from workflows.process import Process
from workflows.steps import attempt
from workflows.waking import Alarm

READ_PATIENCE = timedelta(minutes=10)
# A source that was away is asked again: soon, then less and less often.
ASK_AGAIN, ASK_AGAIN_MAX = timedelta(hours=1), timedelta(days=1)
DOUBLINGS_MAX = 10
# When on a day something is looked at: after midnight everywhere that is not far east.
MORNING = time(6, 0, tzinfo=UTC)

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")


def asked_again_after(times: int, longest: timedelta = ASK_AGAIN_MAX) -> timedelta:
    """How long a source is left alone that was silent so many times before."""
    pause: timedelta = min(ASK_AGAIN * 2 ** min(times, DOUBLINGS_MAX), longest)
    return pause


def morning(day: date | None) -> datetime | None:
    """The moment of a day at which things are looked at."""
    return datetime.combine(day, MORNING) if day is not None else None


class Watching(Process):
    """What a process needs that lives as long as an account or a contract."""

    def __init__(self, business_id: str) -> None:
        super().__init__(business_id)
        self._alarm = Alarm()
        self._reasons = self._silences = 0

    def publish(self, updates: list[SearchAttributeUpdate[Any]]) -> None:
        """Tell operators' listings what they do not show already, from the start or an earlier
        run: whoever lives for years comes to the same stage again and again."""
        known = workflow.info().typed_search_attributes
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

    @property
    def reasons(self) -> int:
        """How many events were heard so far: taken before a look, it shows what came during it."""
        return self._reasons

    def ask_again(self, *, known: bool) -> datetime | None:
        """When to look again because a source was away; None when all is known."""
        if known:
            self._silences = 0
            return None
        pause = asked_again_after(self._silences)
        self._silences += 1
        return workflow.now() + pause

    def renew_history(self) -> None:
        """Go on in a new run when this one's history is long; only while nothing is open."""
        quiet = not self.cases and workflow.all_handlers_finished()
        if quiet and workflow.info().is_continue_as_new_suggested():
            self.start_anew()

    def start_anew(self) -> Any:
        """Continue as new with what has to be remembered; raises ContinueAsNewError."""
        raise RuntimeError("a process that lives long says what it remembers")
