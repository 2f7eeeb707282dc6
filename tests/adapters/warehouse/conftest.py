"""Every story of usage is told on both databases: a SQLite file, and a PostgreSQL of our own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from adapters.warehouse import WarehouseUsage
from canonical.usage import UsageSource
from tests.ledger.conftest import BACKENDS, Postgres, postgres

__all__ = ["postgres"]

TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
URL_VARIABLE = "USAGE_WAREHOUSE_URL"
TABLES = (
    "CREATE TABLE daily_usage (account_id {text}, user_id {text}, day {date}, at {time})",
    "CREATE TABLE seats (account_id {text}, licensed INTEGER)",
)
TYPES = {
    "sqlite": {"text": "TEXT", "date": "TEXT", "time": "TEXT"},
    "postgresql": {"text": "VARCHAR(18)", "date": "DATE", "time": "TIMESTAMPTZ"},
}


class Warehouse:
    """A warehouse, by its owner, who may write to it."""

    def __init__(self, backend: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.backend = backend
        self.url = url
        driver = "sqlite" if backend == "sqlite" else "postgresql+psycopg"
        self.engine: Engine = create_engine(make_url(url).set(drivername=driver))
        for table in TABLES:
            self.run(table.format(**TYPES[backend]))
        monkeypatch.setenv(URL_VARIABLE, url)

    def run(self, statement: str, **values: Any) -> None:
        """Run one statement."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def count(self) -> int:
        """How many rows of usage there are."""
        with self.engine.begin() as connection:
            return int(connection.execute(text("SELECT count(*) FROM daily_usage")).scalar_one())

    def use(self, account: str, *users: str, on: date) -> None:
        """Users of an account work at noon of a day."""
        for user in users:
            self.run(
                "INSERT INTO daily_usage VALUES (:account, :user, :day, :at)",
                account=account, user=user,
                day=on.isoformat(), at=f"{on.isoformat()} 12:00:00+00:00",
            )  # fmt: skip

    def sell(self, account: str, licensed: int) -> None:
        """An account pays for so many users."""
        self.run("INSERT INTO seats VALUES (:a, :n)", a=account, n=licensed)

    def source(self, **changes: Any) -> UsageSource:
        """How it is declared."""
        given: dict[str, Any] = {
            "name": "warehouse",
            "url": f"env:{URL_VARIABLE}",
            "table": "daily_usage",
            "columns": {"account": "account_id", "user": "user_id", "day": "day"},
            "seats": {"table": "seats", "account": "account_id", "licensed": "licensed"},
        }
        return UsageSource(**{**given, **changes})


@pytest.fixture(params=BACKENDS)
def warehouse(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty warehouse of each kind."""
    if request.param == "sqlite":
        made = Warehouse("sqlite", f"sqlite:///{tmp_path / 'warehouse.db'}", monkeypatch)
        yield made
        made.engine.dispose()
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    made = Warehouse("postgresql", server.url(name), monkeypatch)
    yield made
    made.engine.dispose()
    server.drop(name)


@pytest.fixture
async def connect(warehouse: Warehouse) -> AsyncIterator[Callable[..., WarehouseUsage]]:
    """Opens the usage port on the warehouse, with changes to its declaration."""
    opened: list[WarehouseUsage] = []

    def connected(**changes: Any) -> WarehouseUsage:
        port = WarehouseUsage.from_source(warehouse.source(**changes))
        port.clock = lambda: NOW
        opened.append(port)
        return port

    yield connected
    for port in opened:
        await port.aclose()


def as_reader(server_url: str, user: str) -> str:
    """The URL of the same database for another user."""
    return make_url(server_url).set(username=user).render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> None:
    """Run statements on a PostgreSQL as its owner."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]
