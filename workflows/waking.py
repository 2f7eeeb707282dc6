"""One timer for as long as its moment stands, however often a process is woken before."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow

SOON = timedelta(seconds=1)


class Alarm:
    """Rings at a moment. A wait with a timeout would begin a timer anew for each event that comes
    before it; this one is only begun anew when the moment moves."""

    def __init__(self) -> None:
        self.rang = False
        self._at: datetime | None = None
        self._ringing: asyncio.Task[None] | None = None

    def set(self, *moments: datetime | None) -> None:
        """Ring at the first of the moments; never, when there is none."""
        at = min((moment for moment in moments if moment is not None), default=None)
        if at == self._at and not self.rang:
            return
        if self._ringing is not None:
            self._ringing.cancel()
        self.rang, self._at = False, at
        self._ringing = asyncio.create_task(self._ring(at)) if at is not None else None

    async def _ring(self, at: datetime) -> None:
        await workflow.sleep(max(at - workflow.now(), SOON))
        self.rang = True
