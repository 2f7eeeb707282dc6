"""An empty ledger for the tests of what workers decide by it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.database import Database
from tests.ledger.conftest import sqlite_template

__all__ = ["sqlite_template"]


@pytest.fixture
async def db(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Database]:
    """The open ledger."""
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database.open(f"sqlite:///{path}")
    yield database
    await database.close()
