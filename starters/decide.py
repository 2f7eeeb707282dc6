"""Sends people's decisions to the processes whose cases they are about."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiolimiter import AsyncLimiter
from temporalio.client import Client

from canonical.desk import Action, ExceptionCase, Resolution, ResolutionOutcome
from canonical.errors import TielineError
from canonical.orders import Fact
from starters.talk import tell

DECISIONS_PER_SECOND_MAX = 50
CONCURRENT_MAX = 8


class Decided(Fact):
    """What became of one decision; `outcome` is the process's answer, or why it gave none."""

    case_id: str
    accepted: bool
    outcome: str


async def decide(
    client: Client,
    cases: Sequence[ExceptionCase],
    action: Action,
    *,
    actor: str,
    reason: str,
    amendment: dict[str, object] | None = None,
) -> AsyncIterator[Decided]:
    """Decide the same on each case, on the evidence it shows; yields in the order they end.

    At most 50 a second and 8 at a time, so that a large cause neither crawls nor storms.
    """
    pace, turns = AsyncLimiter(DECISIONS_PER_SECOND_MAX, 1), asyncio.Semaphore(CONCURRENT_MAX)

    async def one(case: ExceptionCase) -> Decided:
        async with turns, pace:
            resolution = Resolution(
                case_id=case.case_id,
                action=action,
                actor=actor,
                reason=reason,
                amendment=amendment or {},
                evidence_digest=case.evidence_digest,
            )
            return await _decided(client, case, resolution)

    for ended in asyncio.as_completed([one(case) for case in cases]):
        yield await ended


async def _decided(client: Client, case: ExceptionCase, resolution: Resolution) -> Decided:
    handle = client.get_workflow_handle(case.process.workflow_id)
    try:
        outcome = await tell(handle, "resolve_exception", resolution, ResolutionOutcome)
    except TielineError as error:
        return Decided(case_id=case.case_id, accepted=False, outcome=str(error))
    return Decided(case_id=case.case_id, accepted=outcome.accepted, outcome=outcome.outcome)
