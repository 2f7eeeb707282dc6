"""SQLAlchemy engines for the two databases a ledger can be: SQLite (WAL) and PostgreSQL."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from canonical.errors import Misconfigured

BUSY_TIMEOUT_SECONDS = 10
WAL_ATTEMPTS_MAX = 50
WAL_PAUSE_SECONDS = 0.05
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 30
POOL_TIMEOUT_SECONDS = 15


def parse(url: str) -> URL:
    """A ledger's URL, `sqlite:///file` or `postgresql://…`; raises Misconfigured for others."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured("The ledger's URL cannot be read.", about="ledger") from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise Misconfigured(
        f"A ledger is a SQLite file or a PostgreSQL database, not {backend!r}.", about="ledger"
    )


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def sqlite_engine(url: URL, *, begin: str, pool_size: int) -> Engine:
    """An engine on a SQLite file whose transactions start with `begin`."""
    Path(str(url.database)).expanduser().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # The driver would begin transactions itself, and deferred ones: ours must lock at once.
        connection.isolation_level = None
        _write_ahead(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _write_ahead(connection: Any) -> None:
    """Switch a file to WAL. Of two processes that do so first at the same moment SQLite refuses one
    at once, without waiting for the other as it does everywhere else."""
    for attempt in range(1, WAL_ATTEMPTS_MAX + 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError:
            if attempt == WAL_ATTEMPTS_MAX:
                raise
            time.sleep(WAL_PAUSE_SECONDS)


def postgres_engine(url: URL, *, pool_size: int, **further: Any) -> Engine:
    """An engine on a PostgreSQL database; every statement and lock has a time limit."""
    options = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s"
        f" -c lock_timeout={BUSY_TIMEOUT_SECONDS}s -c timezone=UTC"
    )
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_recycle=1800,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options},
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        **further,
    )


def committing_engine(url: URL, *, pool_size: int) -> Engine:
    """The same for single statements, which the server commits by itself: one way there and back
    instead of three, and nothing to set up or take back around it."""
    return postgres_engine(
        url, pool_size=pool_size, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
    )
