"""Renewal clocks: each contract on record has one that goes by what the contract now says."""

import asyncio

from temporalio import activity

from canonical.clocks import (
    ClockBook,
    ClockDeed,
    ClockKeeper,
    ClockState,
    ClocksToKeep,
    ContractClock,
    KeptClock,
    ReconciledPage,
)
from canonical.errors import TielineError, Transient
from canonical.gathering import LOOKS_PAGE, DueLook, LookBook, LooksPage, LooksPlace

CONCURRENT = 8
TO_BE_MOVED = (ClockState.STALE, ClockState.OVERDUE)


class ClockActivities:
    """What the daily reconcile does, a page of contracts at a time; all of it repeatable."""

    def __init__(self, book: ClockBook, keeper: ClockKeeper, looks: LookBook) -> None:
        self._book = book
        self._keeper = keeper
        self._looks = looks

    @activity.defn(name="clocks.reconcile")
    async def reconcile(self, asked: ClocksToKeep) -> ReconciledPage:
        """Begin the clocks of a page that are missing, and move those that are wrong.

        Raises a Transient error when nobody can be told now; what was done by then is on record.
        """
        page = await self._book.page(self._keeper.sources(), asked.after)
        kept: list[KeptClock] = []
        for first in range(0, len(page.contracts), CONCURRENT):
            some = page.contracts[first : first + CONCURRENT]
            done = await asyncio.gather(*map(self._keep, some), return_exceptions=True)
            new = [one for one in done if isinstance(one, KeptClock)]
            await self._book.record(new)
            kept += new
            for one in done:
                if isinstance(one, BaseException):
                    raise one
        is_last = page.after is None
        looks_due = is_last and bool(await self._looks.looks(LooksPlace(day=asked.day)))
        return ReconciledPage(
            looked_at=page.looked_at, kept=kept, after=page.after, looks_due=looks_due
        )

    @activity.defn(name="clocks.due_looks")
    async def due_looks(self, place: LooksPlace) -> LooksPage:
        """The renewals that are looked at on a day, a page of them, and whom they ask."""
        looks = await self._looks.looks(place)
        after = None
        if len(looks) == LOOKS_PAGE:
            last = {"connection": looks[-1].connection, "contract_id": looks[-1].contract_id}
            after = place.model_copy(update=last)
        due = [DueLook(look=one, start=self._keeper.start_of(one)) for one in looks]
        return LooksPage(looks=due, after=after)

    async def _keep(self, contract: ContractClock) -> KeptClock | None:
        """What was done; None for a clock that is as it should be."""
        try:
            if contract.state in TO_BE_MOVED:
                await self._keeper.move(contract)
                return KeptClock(contract=contract, deed=ClockDeed.MOVED)
            if await self._keeper.begin(contract):
                return KeptClock(contract=contract, deed=ClockDeed.BEGUN)
        except Transient:
            raise
        except TielineError as error:
            activity.logger.warning(
                "the clock of %s/%s: %s", contract.connection, contract.contract_id, error
            )
            return KeptClock(contract=contract, deed=ClockDeed.FAILED, said=str(error))
        return None
