"""Up to when each connection's changes are taken in, which reports state as their age (R21)."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select

from ledger.database import Database
from ledger.models.inbox import inbox
from ledger.models.intake import cursors, subjects

PENDING, DEAD = "pending", "dead"


async def source_places(db: Database, names: Iterable[str]) -> dict[str, datetime | None]:
    """Each connection's place; None for one of which nothing was ever read."""
    wanted = sorted(set(names))
    return await db.read(lambda s: {name: place(s.connection(), name) for name in wanted})


async def telling(db: Database, kinds: Collection[str]) -> list[str]:
    """The connections of which records of these kinds were read."""
    wanted = select(subjects.c.connection).where(subjects.c.kind.in_(kinds)).distinct()
    return list(await db.read(lambda s: s.connection().execute(wanted).scalars().all()))


async def given_up(db: Database, names: Iterable[str]) -> dict[str, int]:
    """How many messages of each connection were given up, and are in nothing that is reported."""
    wanted = (
        select(inbox.c.source, func.count().label("number"))
        .where(inbox.c.state == DEAD, inbox.c.source.in_(sorted(set(names))))
        .group_by(inbox.c.source)
        .order_by(inbox.c.source)
    )
    rows = await db.read(lambda s: s.connection().execute(wanted).all())
    return {row.source: row.number for row in rows}


def place(connection: Connection, name: str) -> datetime | None:
    """The oldest place in its feeds; of one without a feed when it sent something last, or when one
    of its records was read. What still waits in the inbox is not taken in."""
    read_up_to = select(func.min(cursors.c.read_up_to)).where(cursors.c.connection == name)
    told = (
        select(inbox.c.received_at).where(inbox.c.source == name).order_by(inbox.c.id.desc())
    ).limit(1)
    read = select(func.max(subjects.c.recorded_at)).where(subjects.c.connection == name)
    waiting = select(func.min(inbox.c.received_at)).where(
        inbox.c.source == name, inbox.c.state == PENDING
    )
    found: datetime | None = None
    for statement in (read_up_to, told, read):
        found = connection.execute(statement).scalar()
        if found is not None:
            break
    oldest: datetime | None = connection.execute(waiting).scalar()
    known = [one for one in (found, oldest) if one is not None]
    return min(known, default=None)
