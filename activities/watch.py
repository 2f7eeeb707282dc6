"""The watch over intake: what should have come in and has not (R14, R71, R151)."""

from collections.abc import Sequence
from typing import Protocol

from temporalio import activity

from canonical.errors import CountMismatch, CursorBehind, EventMissing, IntakeGap
from canonical.intake import Concern, ConcernKind, Concerns

ERRORS: dict[ConcernKind, type[IntakeGap]] = {
    ConcernKind.CURSOR_BEHIND: CursorBehind,
    ConcernKind.CURSOR_EXPIRED: CursorBehind,
    ConcernKind.COUNT_MISMATCH: CountMismatch,
    ConcernKind.EVENT_MISSING: EventMissing,
}


class Watchbook(Protocol):
    """What the ledger knows of feeds, counts and milestones."""

    async def concerns(self) -> Sequence[Concern]:
        """Everything that is late or missing now."""
        ...

    async def stands(self, concern: Concern) -> bool:
        """Whether a concern is still true."""
        ...


class WatchActivities:
    """What the watch asks of the ledger; run as local activities."""

    def __init__(self, book: Watchbook) -> None:
        self._book = book

    @activity.defn(name="watch.concerns")
    async def concerns(self) -> Concerns:
        """Everything that is late or missing now."""
        return Concerns(concerns=list(await self._book.concerns()))

    @activity.defn(name="watch.check")
    async def check(self, concern: Concern) -> str:
        """Whether a concern has healed; raises the IntakeGap that it is while it stands."""
        if not await self._book.stands(concern):
            return "healed"
        details = concern.model_dump(mode="json", include={"account_id", "account_name", "held"})
        raise ERRORS[concern.kind](concern.message, about=concern.about, details=details)
