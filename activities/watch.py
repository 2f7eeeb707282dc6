"""The watch over intake: what should have come in and has not, or was given up (R14, R71, R151)."""

from collections.abc import Sequence
from typing import Protocol

from temporalio import activity

from canonical.intake import CAUSES, Concern, Concerns

EVIDENCE = {"account_id", "account_name", "held", "until"}


class Watchbook(Protocol):
    """What the ledger knows of feeds, counts, milestones and dead letters."""

    async def concerns(self) -> Sequence[Concern]:
        """Everything that is late or missing now."""
        ...

    async def still(self, concern: Concern) -> Concern | None:
        """A concern as it is now; None once it has healed."""
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
        """Whether a concern has healed; raises what it is, as it is now, while it stands."""
        now = await self._book.still(concern)
        if now is None:
            return "healed"
        raise CAUSES[now.kind](
            now.message, about=now.about, details=now.model_dump(mode="json", include=EVIDENCE)
        )
