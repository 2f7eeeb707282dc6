"""Rounds: many questions to one connection in one activity, and the answers kept (R78).

What a process asks is the same; only how often Temporal hears of it differs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

from temporalio import activity

from canonical.errors import TielineError, Transient
from canonical.gathering import (
    QUESTIONS,
    AnswerBook,
    Asked,
    Gathered,
    KeptAnswer,
    RenewalSource,
    Round,
)
from canonical.orders import Fact

CONCURRENT = 4
# A round ends within its activity's time; what it has not asked by then, the processes ask.
SECONDS_MAX = 240.0
# A process takes its answers at once, into its history, where 2 MB are refused.
ANSWER_BYTES_MAX = 100_000

Read = Callable[[Any], Awaitable[Fact]]


class RoundActivities:
    """Answers rounds for one connection, by the reads that its queue serves."""

    def __init__(self, book: AnswerBook, reads: Mapping[RenewalSource, Read]) -> None:
        self._book = book
        self._reads = reads

    @activity.defn(name="rounds.gather")
    async def gather(self, round_: Round) -> Gathered:
        """Put each question, and keep the answers.

        Who does not answer leaves no answer: the process asks again itself, and says so. After the
        first that shows the system to be away nobody else is asked, nor after four minutes.
        """
        waiting = list(reversed(round_.asked))
        until = monotonic() + SECONDS_MAX
        kept: list[KeptAnswer] = []

        async def ask() -> None:
            while waiting and monotonic() < until:
                asked = waiting.pop()
                try:
                    answer = await self._said(asked)
                    if len(answer.model_dump_json()) <= ANSWER_BYTES_MAX:
                        kept.append(KeptAnswer(asked=asked, body=answer.model_dump(mode="json")))
                except Transient as error:
                    activity.logger.warning("%s is away: %s", round_.connection, error)
                    waiting.clear()
                except TielineError as error:
                    activity.logger.warning(
                        "%s gave no %s: %s", round_.connection, asked.source, error
                    )

        async with asyncio.TaskGroup() as asking:
            for _ in range(CONCURRENT):
                asking.create_task(ask())
        await self._book.keep(round_, kept)
        return Gathered(answered=len(kept), unanswered=len(round_.asked) - len(kept))

    async def _said(self, asked: Asked) -> Fact:
        question = QUESTIONS[asked.source].model_validate(asked.request)
        return await self._reads[asked.source](question)
