"""The morning's round: what today's looks will ask is asked before, together for many of them.

A round is never waited for: a process that finds no answer on record asks itself, as it does for
every event.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.clocks import ClockActivities
from activities.portfolio import PortfolioActivities
from activities.rounds import RoundActivities
from canonical.connections import task_queue
from canonical.gathering import (
    ANSWERS,
    Answers,
    AnswersWanted,
    Asked,
    DueLook,
    Gathered,
    LooksPage,
    LooksPlace,
    RenewalSource,
    Round,
)
from canonical.renewal import ContractTerms
from workflows.renewal_sources import due_by_calendar, questions
from workflows.sources import Heard, Question
from workflows.steps import note
from workflows.watching import MORNING

# How old an answer may be by which a process looks: the round is made in the hour before.
FRESH = timedelta(hours=2)
PAGES_MAX = 100
PAGE_TIMEOUT = timedelta(minutes=2)
ROUND_TIMEOUT = timedelta(minutes=5)
# A connection that nobody serves, or that does not answer in time, is left to the processes.
ROUND_PATIENCE = timedelta(minutes=10)
RETRY = RetryPolicy(maximum_attempts=2)


async def gather_looks(today: date) -> Gathered:
    """Ask what the renewals will ask that are looked at this morning, as long as it is before."""
    found, away = Gathered(), set[str]()
    place: LooksPlace | None = LooksPlace(day=today)
    looked_at = datetime.combine(today, MORNING)
    for _ in range(PAGES_MAX):
        if place is None or workflow.now() >= looked_at:
            break
        page = await _page(place)
        rounds = [one for one in _rounds_of(page.looks, today) if one.connection not in away]
        for round_, told in zip(rounds, await asyncio.gather(*map(_put, rounds)), strict=True):
            if told is None:
                away.add(round_.connection)
            else:
                found = Gathered(
                    answered=found.answered + told.answered,
                    unanswered=found.unanswered + told.unanswered,
                )
        place = page.after
    return found


async def _page(place: LooksPlace) -> LooksPage:
    """Some of the looks that are due; none where they cannot be read in time."""
    try:
        page: LooksPage = await workflow.execute_activity_method(
            ClockActivities.due_looks,
            place,
            start_to_close_timeout=PAGE_TIMEOUT,
            schedule_to_close_timeout=ROUND_PATIENCE,
        )
    except ActivityError as error:
        workflow.logger.warning("the looks of %s could not be read: %s", place.day, error)
        return LooksPage()
    return page


def _rounds_of(looks: Iterable[DueLook], today: date) -> list[Round]:
    """What each connection is asked for these looks; the same question once."""
    asked: dict[str, dict[str, Asked]] = defaultdict(dict)
    for one in looks:
        look = one.look
        wanted = due_by_calendar(look.renews_on if look.seen else None, today)
        found = questions(wanted, one.start, look.account_id, look.renews_on, today)
        for connection, several in _by_connection(found).items():
            asked[connection] |= {question.digest: question for question in several}
    return [
        Round(connection=connection, at=workflow.now(), asked=list(several.values()))
        for connection, several in sorted(asked.items())
    ]


async def _put(round_: Round) -> Gathered | None:
    try:
        told: Gathered = await workflow.execute_activity_method(
            RoundActivities.gather,
            round_,
            task_queue=task_queue(round_.connection),
            start_to_close_timeout=ROUND_TIMEOUT,
            schedule_to_close_timeout=ROUND_PATIENCE,
            retry_policy=RETRY,
            summary=f"{len(round_.asked)} questions",
        )
    except ActivityError as error:
        workflow.logger.warning("%s was not asked: %s", round_.connection, error)
        return None
    return told


async def on_record(terms: ContractTerms, asked: Mapping[RenewalSource, Question]) -> Heard:
    """What was answered to these questions this morning, by source and connection."""
    wanted = AnswersWanted(
        account_id=terms.account_id,
        connection=terms.connection,
        contract_id=terms.contract_id,
        since=workflow.now() - FRESH,
        asked=_by_connection(asked),
    )
    answers: Answers = await note(PortfolioActivities.answers, wanted)
    return {
        (one.source, one.connection): ANSWERS[one.source].model_validate(one.body)
        for one in answers.found
    }


def _by_connection(asked: Mapping[RenewalSource, Question]) -> dict[str, list[Asked]]:
    """Questions as they are kept, by whom they are put to."""
    found: dict[str, list[Asked]] = defaultdict(list)
    for source, question in asked.items():
        for connection in filter(None, question.connections):
            request = question.request.model_dump(mode="json")
            found[connection].append(Asked(source=source, request=request))
    return dict(found)
