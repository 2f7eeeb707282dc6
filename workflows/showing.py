"""Processes that keep others at the newest of what they know, each system on its own."""

from abc import abstractmethod
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from temporalio import workflow

from workflows.process import Activity
from workflows.steps import StepRecord, Undo
from workflows.watching import Watching

# Whoever is shown something may be away for days; what it is then told is the newest.
SHOW_PATIENCE = timedelta(days=14)


class Withdrawal(NamedTuple):
    """How what a system shows is taken back: in words, and the activity."""

    says: str
    activity: Activity[Any, Any, Any]


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
    @abstractmethod
    def to_show(self) -> Any:
        """What the activities are asked to show."""

    @abstractmethod
    def reference_of(self, shown: Any) -> str:
        """Where a system shows it."""

    def digest_shown(self, shown: Any) -> str:
        """The digest of what a system shows by now; empty where that is what was asked for."""
        return ""

    @property
    def blank(self) -> str:
        """What a system shows that was never told anything."""
        return ""

    def patience(self, step: str) -> timedelta:
        """What is shown to others can wait for them."""
        return SHOW_PATIENCE

    def is_behind(self, name: str) -> bool:
        """Whether a system shows anything else than the newest."""
        return self.newest != self.shown.get(name, self.blank)

    def bring_up_to_date(
        self,
        name: str,
        activity: Activity[Any, Any, Any],
        connection: str,
        withdrawal: Withdrawal | None = None,
    ) -> None:
        """Show a system the newest in the background, again and again until it is not behind.

        No system holds another or the story, which ends only when all are up to date. Where there
        is a `withdrawal`, cancelling the process takes back what was shown.
        """
        if not connection:
            return
        undo = partial(self._undo_showing, withdrawal) if withdrawal else None
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
                    lambda: self.to_show,
                    connection=lambda: connection,
                    undo=undo,
                    reference=self.reference_of,
                )
                self.shown[name] = (self.digest_shown(said) if said is not None else "") or wanted
            self._showing.discard(name)

        if self.is_behind(name) and name not in self._showing:
            self._showing.add(name)
            self.follow(show())

    def _undo_showing(self, withdrawal: Withdrawal) -> Undo:
        return Undo(*withdrawal, self.to_show)

    async def everybody_told(self, *, reasons: int) -> bool:
        """Wait until no system is being told any more; False when a reason to look came first."""
        await self.try_again(self._showing, "it is over: there may be nothing left to tell")
        self.renew_history()
        await workflow.wait_condition(lambda: self.reasons > reasons or not self._showing)
        return self.reasons == reasons
