"""A real Temporal server for the tests of this folder, started once a test process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from tieline.devserver import DevServer, dev_server
from tieline.settings import Settings, Temporal
from tieline.temporal import connect


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """The development server that `tieline` itself starts."""
    folder: Path = tmp_path_factory.mktemp("temporal")
    async with dev_server(folder / "temporal.db") as running:
        yield running


@pytest.fixture
async def client(server: DevServer) -> Client:
    """A client made as the product makes it."""
    return await connect(Settings(temporal=Temporal(address=server.address)))
