"""Connections that cannot write, whatever is asked of them, and give up after a while."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from canonical.errors import Misconfigured

CONNECT_TIMEOUT_SECONDS = 5
POOL_SIZE = 2
RECYCLED_SECONDS = 1800
# How many steps of its virtual machine SQLite takes between two looks at the clock.
STEPS_PER_LOOK = 10_000


def read_only_engine(url: str, about: str, timeout_seconds: float) -> Engine:
    """An engine on a PostgreSQL database or an existing SQLite file.

    Raises Misconfigured for another kind of database, and never repeats the URL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured(f"usage {about}: its URL cannot be read", about=about) from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return _postgres(parsed, timeout_seconds)
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _sqlite(parsed, timeout_seconds)
    raise Misconfigured(
        f"usage {about}: a usage source is a PostgreSQL database or a SQLite file, not {backend!r}",
        about=about,
    )


def _postgres(url: URL, timeout_seconds: float) -> Engine:
    milliseconds = int(timeout_seconds * 1000)
    options = (
        f"-c default_transaction_read_only=on -c statement_timeout={milliseconds}"
        f" -c lock_timeout={milliseconds} -c timezone=UTC"
    )
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=timeout_seconds,
        pool_pre_ping=True,
        pool_recycle=RECYCLED_SECONDS,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options},
        # Each transaction says so as well: a default could be changed by the role's settings.
        execution_options={"postgresql_readonly": True},
    )


def _sqlite(url: URL, timeout_seconds: float) -> Engine:
    file = quote(str(Path(str(url.database)).expanduser().absolute()))
    engine = create_engine(
        URL.create("sqlite", database=f"file:{file}", query={"mode": "ro", "uri": "true"}),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=timeout_seconds,
        hide_parameters=True,
        connect_args={"timeout": timeout_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "begin")
    def _limit(connection: Connection) -> None:
        until = time.monotonic() + timeout_seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > until, STEPS_PER_LOOK)

    return engine
