"""Processes that keep others at the newest of what they know, each system on its own."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

from workflows.process import Activity
from workflows.steps import StepRecord, Undo
from workflows.watching import Watching

# Whoever is shown something may be away for days; what it is then told is the newest.
SHOW_PATIENCE = timedelta(days=14)

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")


class Showing(Watching):
    """What a watching process needs so that a system that is away holds neither it nor the others.

    `shown` says what each system shows, by step: the digest of it, and nothing while a showing is
    under way, since it may have happened. The activities read what they show themselves, so whoever
    was away for long is brought to the newest at once.
    """

    def __init__(self, business_id: str) -> None:
        super().__init__(business_id)
        self.shown: dict[str, str] = {}
        self._showing: set[str] = set()

    @property
    @abstractmethod
    def newest(self) -> str:
        """Identifies what there is to show now."""

    @property
    def blank(self) -> str:
        """What a system shows that was never told anything."""
        return ""

    def is_behind(self, name: str) -> bool:
        """Whether a system shows anything else than the newest."""
        return self.newest != self.shown.get(name, self.blank)

    def bring_up_to_date(
        self,
        name: str,
        activity: Activity[S, R, T],
        request: Callable[[], R],
        *,
        connection: str,
        undo: Callable[[], Undo] | None = None,
        says: Callable[[T], tuple[str, str]],
    ) -> None:
        """Show a system the newest in the background, again and again until it is not behind.

        No system holds another or the story, which ends only when all are up to date. `says` are
        the digest of what is shown now (empty: what was asked for) and the step's reference.
        """
        if not connection:
            return
        if undo and name in self.shown and all(step.name != name for step in self.steps):
            # Shown by an earlier run of this process: it is still to be undone.
            self.steps.append(StepRecord(name, connection, False, "done", undo=undo()))

        async def show() -> None:
            while self.is_behind(name):
                wanted, self.shown[name] = self.newest, ""
                self.steps = [step for step in self.steps if step.name != name]
                said = await self.step(
                    name,
                    activity,
                    request,
                    connection=lambda: connection,
                    undo=undo,
                    reference=lambda done: says(done)[1],
                )
                self.shown[name] = (says(said)[0] if said is not None else "") or wanted
            self._showing.discard(name)

        if self.is_behind(name) and name not in self._showing:
            self._showing.add(name)
            self.follow(show())

    async def everybody_told(self, *, reasons: int) -> bool:
        """Wait until no system is being told any more; False when a reason to look came first."""
        await self.try_again(self._showing, "it is over: there may be nothing left to tell")
        self.renew_history()
        await workflow.wait_condition(lambda: self.reasons > reasons or not self._showing)
        return self.reasons == reasons
