"""Events that arrive while others are being stored share the next transaction.

Each is answered after the commit that makes it durable, as if it had one of its own.
"""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from canonical.errors import TielineError, Unavailable
from canonical.inbound import InboundEvent, StoredEvent
from ledger.database import Database

EVENTS_PER_COMMIT_MAX = 64
WAITING_MAX = 10_000

Keep = Callable[[Connection, Sequence[InboundEvent]], list[StoredEvent]]
Waiting = tuple[InboundEvent, "asyncio.Future[StoredEvent]"]


class Arrivals:
    """Stores events with `keep`, which is given different ones and executes one statement."""

    def __init__(self, db: Database, keep: Keep) -> None:
        self._db = db
        self._keep = keep
        self._waiting: list[Waiting] = []
        self._drain: asyncio.Task[None] | None = None

    async def store(self, event: InboundEvent) -> StoredEvent:
        """Store an event durably; raises Unavailable when too many wait, and what `Database`
        raises."""
        if len(self._waiting) >= WAITING_MAX:
            raise Unavailable("Too many events wait to be stored.", about="ledger")
        future: asyncio.Future[StoredEvent] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, future))
        if self._drain is None:
            # It begins when whoever can go on now has: what comes at once is stored at once.
            self._drain = asyncio.create_task(self._store_waiting(), name="arrivals")
        return await future

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                await self._together(self._next())
        finally:
            self._drain = None
            for _, future in self._waiting:
                future.cancel()

    def _next(self) -> list[Waiting]:
        """The first that wait; of an event that came twice, the second is left for later."""
        taken: dict[tuple[str, str], Waiting] = {}
        left: list[Waiting] = []
        for waiting in self._waiting:
            key = (waiting[0].source, waiting[0].event_id)
            if key in taken or len(taken) == EVENTS_PER_COMMIT_MAX:
                left.append(waiting)
            else:
                taken[key] = waiting
        self._waiting = left
        return list(taken.values())

    async def _together(self, batch: Sequence[Waiting]) -> None:
        events = [event for event, _ in batch]
        try:
            stored = await self._db.run_statement(lambda connection: self._keep(connection, events))
        except TielineError as error:
            _fail(batch, error)
        except Exception as error:
            # Something is wrong with one of them, which is no reason to turn the others away.
            await self._apart(batch, error)
        else:
            for (_, future), one in zip(batch, stored, strict=True):
                if not future.done():
                    future.set_result(one)

    async def _apart(self, batch: Sequence[Waiting], error: Exception) -> None:
        if len(batch) == 1:
            _fail(batch, error)
            return
        for waiting in batch:
            await self._together([waiting])


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
