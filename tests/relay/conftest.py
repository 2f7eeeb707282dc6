"""A ledger with events in it, and a real broker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ledger.database import Database
from tests.ledger.conftest import sqlite_template
from tests.relay.broker import Broker, running_broker

__all__ = ["sqlite_template"]


@pytest.fixture
def url(tmp_path: Path, sqlite_template: Path) -> str:
    """A migrated, empty ledger."""
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """The open ledger."""
    database = Database.open(url)
    yield database
    await database.close()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A NATS server of this test's own."""
    async with running_broker(tmp_path / "nats") as running:
        yield running


@pytest.fixture
def stop() -> Iterator[asyncio.Event]:
    """What ends a relay."""
    event = asyncio.Event()
    yield event
    event.set()
