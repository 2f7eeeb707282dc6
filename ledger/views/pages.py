"""Reading in pages: one short transaction a page, so that a long report holds nobody up."""

from collections.abc import Callable
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from ledger.database import Database

P = ParamSpec("P")
T = TypeVar("T")


async def read_with(
    db: Database,
    work: Callable[Concatenate[Connection, P], T],
    *arguments: P.args,
    **named: P.kwargs,
) -> T:
    """What `work` reads over a connection, in a transaction of its own."""
    return await db.read(lambda session: work(session.connection(), *arguments, **named))


async def read_all(
    db: Database, page: Callable[[Connection, datetime, str], list[tuple[str, T]]], since: datetime
) -> list[T]:
    """What every page has since a time; each begins after the key of the last row of the one before
    it, and an empty one ends them."""
    found: list[T] = []
    last = ""
    while rows := await read_with(db, page, since, last):
        found += [one for _, one in rows]
        last = rows[-1][0]
    return found
