"""The one thread that writes to SQLite; what waits meanwhile shares the next commit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from canonical.errors import Unavailable

JOBS_PER_COMMIT_MAX = 64
JOBS_WAITING_MAX = 10_000


@dataclass(frozen=True)
class Statement:
    """Work that executes one statement, which is undone as a whole when it fails."""

    run: Callable[[Connection], Any]


Work = Callable[[Session], Any] | Statement
Job = tuple[Work, "Future[Any]"]


class Writer:
    """Runs write transactions one after another; several that wait are committed together.

    Each keeps a savepoint of its own, so one that fails takes nothing else back; results are
    handed out only after the commit that makes them durable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> "Future[Any]":
        """Queue a transaction; raises Unavailable when the queue is full or closed."""
        if self._closed or self._jobs.qsize() >= JOBS_WAITING_MAX:
            raise Unavailable("The ledger's writer is closed or overloaded.", about="ledger")
        future: Future[Any] = Future()
        self._jobs.put((work, future))
        return future

    def close(self) -> None:
        """Finish what was queued, then stop."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch: list[Job] = []
            stopping = self._collect(batch)
            if batch:
                self._commit(batch)
        if self._connection is not None:
            self._connection.close()

    def _collect(self, batch: list[Job]) -> bool:
        job = self._jobs.get()
        while job is not None:
            if job[1].set_running_or_notify_cancel():
                batch.append(job)
            if len(batch) == JOBS_PER_COMMIT_MAX:
                return False
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return False
        return True

    def _commit(self, batch: list[Job]) -> None:
        settled: list[tuple[Job, Any, BaseException | None]] = []
        try:
            connection = self._connected()
            if len(batch) == 1:
                settled.append((batch[0], _alone(connection, batch[0][0]), None))
            else:
                with connection.begin():
                    for job in batch:
                        settled.append((job, *_with_savepoint(connection, job[0])))
        except BaseException as error:
            settled = [(job, None, error) for job in batch]
            self._reconnect()
        for (_, future), result, failure in settled:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _reconnect(self) -> None:
        # Whatever state the failure left behind, the next transaction starts on a clean connection.
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None


def _alone(connection: Connection, work: Work) -> Any:
    if isinstance(work, Statement):
        with connection.begin():
            return work.run(connection)
    with Session(connection) as session:
        result = work(session)
        session.commit()
    return result


def _with_savepoint(connection: Connection, work: Work) -> tuple[Any, BaseException | None]:
    try:
        if isinstance(work, Statement):
            return work.run(connection), None
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            result = work(session)
            session.commit()
    except Exception as error:
        # A full disk or an I/O error makes SQLite drop the whole transaction, not our savepoint.
        if not getattr(connection.connection.dbapi_connection, "in_transaction", True):
            raise
        return None, error
    return result, None
