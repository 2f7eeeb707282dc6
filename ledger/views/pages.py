"""Reading in pages: one short transaction a page, so that a long report holds nobody up."""

from collections.abc import Callable
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
