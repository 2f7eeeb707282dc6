"""What several systems said last: who is asked what, who is silent, and when to ask again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from temporalio import workflow

# A source that was away is asked again: soon, then less and less often.
ASK_AGAIN, ASK_AGAIN_MAX = timedelta(hours=1), timedelta(days=1)
# One whose answer is old is asked less often than one that is away: nobody tells when, say, a
# warehouse is filled again.
ASK_STALE_MAX = timedelta(days=7)
DOUBLINGS_MAX = 10

# How a system is asked: None when it is away or refuses.
Answer = Callable[..., Awaitable[Any]]
# What was answered before, by source and connection.
Heard = Mapping[tuple[StrEnum, str], Any]
S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True)
class Question:
    """What a source is asked, at each of the connections that are it; a name that is empty is of
    one that is not configured, and stays unknown."""

    activity: Callable[[Any, Any], Awaitable[Any]]
    request: Any
    connections: Sequence[str]


class Sources(Generic[S]):
    """Asks whom there is reason to ask, side by side, and keeps what the others said before.

    Who does not answer is silent: what it said before does not count any more. They are asked in
    the order of their `kinds`, which is therefore part of recorded histories.
    """

    def __init__(self, kinds: type[S], answer: Answer) -> None:
        self.silent: set[S] = set()
        self.asked: dict[S, Question] = {}
        self.asked_on: dict[S, date] = {}
        self.again_at: datetime | None = None
        self._kinds, self._answer = kinds, answer
        self._answers: dict[S, dict[str, Any]] = {}
        self._again: frozenset[S] = frozenset()
        self._asked_again = 0

    async def ask(
        self, questions: Mapping[S, Question], today: date, heard: Heard | None = None
    ) -> None:
        """Ask these sources, on the process's own day; whose answer was `heard`, is not asked."""
        asked = [one for one in self._kinds if one in questions]
        found = await asyncio.gather(
            *(self._ask(one, questions[one], heard or {}) for one in asked)
        )
        for source, answers in zip(asked, found, strict=True):
            self.asked[source], self.asked_on[source] = questions[source], today
            self._answers[source] = answers
            silent = None in answers.values()
            (self.silent.add if silent else self.silent.discard)(source)

    def said(self, source: S) -> Any:
        """What a source of one connection said when it was asked last; None when it is silent, was
        not asked yet or is not configured."""
        return next(iter(self.all_said(source).values()), None)

    def all_said(self, source: S) -> dict[str, Any]:
        """What each connection of a source said when it was asked last; None of a silent one."""
        return self._answers.get(source, {})

    def plan_to_ask_again(self, stale: Iterable[S] = ()) -> None:
        """After a look: whom to ask again because they are silent or their answer is old, and when:
        soon, then less and less often, and soon again when another one falls silent."""
        before, self._again = self._again, frozenset({*self.silent, *stale})
        if not self._again or not self._again <= before:
            self.ask_nobody_again()
        if not self._again:
            return
        if self.again_at is None or self.again_at <= workflow.now():
            longest = ASK_AGAIN_MAX if self.silent else ASK_STALE_MAX
            doublings = min(self._asked_again, DOUBLINGS_MAX)
            self.again_at = workflow.now() + min(ASK_AGAIN * 2**doublings, longest)
            self._asked_again += 1

    def ask_nobody_again(self) -> None:
        """For as long as nobody has to answer."""
        self.again_at, self._asked_again = None, 0

    def dismiss(self, source: S) -> None:
        """Let a silent source rest: whoever needs it later asks it anew."""
        if source in self.silent:
            self.silent.discard(source)
            del self.asked_on[source]

    def is_due(self, source: S, today: date, *, kept: timedelta) -> bool:
        """Whether a source is to be asked: for the first time, again because it was silent, or
        because what it said is older than it is `kept`."""
        asked_on = self.asked_on.get(source)
        if asked_on is None:
            return True
        if source in self.silent:
            return source in self.due_again(workflow.now())
        return asked_on + kept <= today

    def due_again(self, moment: datetime) -> Collection[S]:
        """Whom it is time to ask again."""
        due = self.again_at is not None and self.again_at <= moment
        return self._again if due else frozenset()

    async def _ask(self, source: S, question: Question, heard: Heard) -> dict[str, Any]:
        names = [name for name in question.connections if name]
        to_ask = [name for name in names if (source, name) not in heard]
        answers = await asyncio.gather(
            *(
                self._answer(
                    question.activity, question.request, connection=name, summary=f"read {source}"
                )
                for name in to_ask
            )
        )
        said = dict(zip(to_ask, answers, strict=True))
        return {name: said[name] if name in said else heard[source, name] for name in names}
