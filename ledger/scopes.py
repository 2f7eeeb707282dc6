"""Writers of one scope take turns: a lock within the process, a lease in SQL between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from sqlalchemy import bindparam, delete, select
from sqlmodel import Session

from canonical.errors import Busy
from ledger.models.effects import scope_leases as leases
from ledger.upserts import Upsert

TURN_WAIT_SECONDS = 15.0
BUSY_RETRY_SECONDS_MAX = 5.0

_TAKE = Upsert(
    leases,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[leases.c.scope],
        set_={"owner": insert.excluded.owner, "until": insert.excluded.until},
        where=(leases.c.owner == insert.excluded.owner) | (leases.c.until <= bindparam("now")),
    ).returning(leases.c.scope),
)
_UNTIL = select(leases.c.until).where(leases.c.scope == bindparam("of_scope"))
_RELEASE = delete(leases).where(
    leases.c.scope == bindparam("of_scope"), leases.c.owner == bindparam("of_owner")
)


@dataclass(frozen=True)
class Lease:
    """Who wants to write, and how long others then wait at most."""

    owner: str
    seconds: float

    def take(self, session: Session, scope: str, now: datetime) -> None:
        """Take the scope; raises Busy while another owner's lease lives."""
        until = now + timedelta(seconds=self.seconds)
        values = {"scope": scope, "owner": self.owner, "until": until, "now": now}
        if _TAKE.run(session, values).first() is not None:
            return
        held = session.connection().execute(_UNTIL, {"of_scope": scope}).scalar()
        raise busy(scope, (held - now).total_seconds() if held else 1.0)

    def release(self, session: Session, scope: str) -> None:
        """Give the scope back, if it is still ours."""
        session.connection().execute(_RELEASE, {"of_scope": scope, "of_owner": self.owner})


def busy(scope: str, remaining_seconds: float) -> Busy:
    """Another attempt holds the scope; says when to ask again."""
    return Busy(
        f"Another attempt is writing in {scope}.",
        about=scope,
        retry_after_seconds=min(max(remaining_seconds, 0.5), BUSY_RETRY_SECONDS_MAX),
    )


class Turns:
    """One lock per scope that somebody uses right now; unused ones are forgotten."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, scope: str) -> AsyncIterator[None]:
        """Wait for this process's turn in a scope; raises Busy when it does not come soon."""
        lock = self._locks.setdefault(scope, asyncio.Lock())
        try:
            async with asyncio.timeout(TURN_WAIT_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise busy(scope, 1.0) from None
        try:
            yield
        finally:
            lock.release()
