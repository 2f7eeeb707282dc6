"""A ledger for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.database import Database
from ledger.migrate import upgrade


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    database = Database.open(url)
    yield database
    await database.close()
