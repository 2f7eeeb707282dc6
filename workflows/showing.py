"""Processes that keep others at the newest of what they know, each system on its own."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow

from workflows.watching import Watching

R = TypeVar("R")


class Showing(Watching):
    """What a watching process needs so that a system that is away holds neither it nor the others.

    `newest` identifies what should be seen, `shown` what each system has. The activities read what
    they show themselves, so whoever was away for long is brought to the newest at once.
    """

    def __init__(self, business_id: str) -> None:
        super().__init__(business_id)
        self.newest = ""
        self.shown: dict[str, str] = {}
        self._all_is_said = False

    async def keep_shown(
        self,
        name: str,
        activity: Callable[[Any, R], Awaitable[Any]],
        request: Callable[[], R],
        connection: str,
    ) -> None:
        """Bring one system to the newest, whenever there is something newer; a branch to follow."""
        while connection:
            await workflow.wait_condition(lambda: self._is_behind(name) or self._all_is_said)
            if not self._is_behind(name):
                return
            wanted = self.newest
            self.steps = [step for step in self.steps if step.name != name]
            await self.step(name, activity, request, connection=lambda: connection)
            self.shown[name] = wanted

    def all_is_said(self) -> None:
        """Nothing newer comes: the branches end once everybody has seen the last of it."""
        self._all_is_said = True

    def _is_behind(self, name: str) -> bool:
        return bool(self.newest) and self.shown.get(name) != self.newest
