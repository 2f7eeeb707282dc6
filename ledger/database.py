"""The ledger's database: every write is one transaction, off the event loop."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

from canonical.errors import Misconfigured
from ledger.engines import committing_engine, parse, postgres_engine, sqlite_engine
from ledger.faults import explained, is_retried, ledger_name
from ledger.writer import Statement, Writer

T = TypeVar("T")

READERS_MAX = 4
POSTGRES_CONNECTIONS_MAX = 8
STATEMENTS_AT_ONCE_MAX = 2
ATTEMPTS_MAX = 5
BACKOFF_SECONDS = 0.02


class Database:
    """A ledger, SQLite or PostgreSQL; `run` writes and `read` reads, in one transaction each.

    A transaction that was asked for runs to its end even when the caller is cancelled. Both raise
    Unavailable when the database does not answer, Misconfigured when its tables are not there.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._writer: Writer | None = None
        if self.is_sqlite:
            self._writing = sqlite_engine(url, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reading = sqlite_engine(url, begin="BEGIN", pool_size=READERS_MAX)
            self._writer = Writer(self._writing)
            self._committing = self._writing
        else:
            self._writing = postgres_engine(url, pool_size=POSTGRES_CONNECTIONS_MAX)
            self._reading = self._writing
            self._committing = committing_engine(url, pool_size=STATEMENTS_AT_ONCE_MAX)
        threads = READERS_MAX if self.is_sqlite else POSTGRES_CONNECTIONS_MAX
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ledger")

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a ledger and prove that it answers; raises Misconfigured or Unavailable."""
        parsed = parse(url)
        try:
            database = cls(parsed)
        except OSError as error:
            raise Misconfigured(
                f"The ledger ({ledger_name(parsed)}) cannot be opened: {error.strerror}.",
                about="ledger",
            ) from error
        try:
            with database._reading.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            database._shut()
            raise explained(error, parsed) or error from error
        return database

    async def run(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one write transaction and commit it."""
        if self._writer is not None:
            return await self._answer(self._writer.submit(work))
        return await self._answer(self._threads.submit(self._transact, self._writing, work))

    async def run_statement(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which executes one statement, as a transaction: `run` at less cost.

        A statement takes effect as a whole or not at all, so it needs no more around it than
        that it is committed.
        """
        if self._writer is not None:
            return await self._answer(self._writer.submit(Statement(work)))
        return await self._answer(self._threads.submit(_retried, lambda: self._execute(work)))

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction that only reads."""
        return await self._answer(self._threads.submit(self._transact, self._reading, work))

    async def close(self) -> None:
        """Finish what was asked for, then let go of every connection."""
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._threads.shutdown()
        self._writing.dispose()
        self._committing.dispose()
        self._reading.dispose()

    async def _answer(self, future: "Future[T]") -> T:
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except SQLAlchemyError as error:
            raise explained(error, self.url) or error from error

    def _transact(self, engine: Engine, work: Callable[[Session], Any]) -> Any:
        def once() -> Any:
            with Session(engine) as session:
                result = work(session)
                session.commit()
            return result

        return _retried(once)

    def _execute(self, work: Callable[[Connection], Any]) -> Any:
        with self._committing.connect() as connection:
            return work(connection)


def _retried(once: Callable[[], T]) -> T:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return once()
        except DBAPIError as error:
            if attempt == ATTEMPTS_MAX or not is_retried(error):
                raise
        time.sleep(BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
    raise AssertionError("unreachable")
