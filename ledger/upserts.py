"""INSERT … ON CONFLICT, which SQLAlchemy spells once per database."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

Build = Callable[[Any], Executable]


class Upsert:
    """One statement, built for both databases once and chosen by the connection's dialect."""

    def __init__(self, table: Table, build: Build) -> None:
        self._statements: dict[str, Executable] = {
            "sqlite": build(sqlite.insert(table)),
            "postgresql": build(postgresql.insert(table)),
        }

    def run(self, within: Session | Connection, values: Any) -> Any:
        """Execute with these values (one row, or several); returns the result."""
        connection = within.connection() if isinstance(within, Session) else within
        return connection.execute(self._statements[connection.dialect.name], values)
