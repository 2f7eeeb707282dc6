"""A Temporal server for each test process, and a fresh world for each story."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from tests.stories.invoices import InBilling, InErp, Invoices
from tests.stories.portfolio import Portfolio
from tests.stories.renewal_contracts import BillingContract, ErpContract
from tests.stories.renewals import Renewal, renewal_world
from tests.world import World, awaiting_payment, erp_led, world
from tieline.devserver import binary, dev_server, server_arguments
from tieline.rehearsal.credentials import Credentials, make_credentials
from tieline.settings import Settings
from tieline.temporal import plugin

# The server reads its timers a second ahead, and so would take a second for each skip.
PROMPT_TIMERS = ("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="1ms"')
SKIPS_MAX = 1000


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Credentials for the simulators, made once: RSA keys take time."""
    return make_credentials(tmp_path_factory.mktemp("credentials"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a real Temporal server, file-backed."""
    async with dev_server(tmp_path_factory.mktemp("temporal") / "temporal.db") as running:
        yield running.address


@pytest.fixture
async def client(server: str) -> Client:
    """A client of the test's own loop."""
    return await Client.connect(server, plugins=[plugin(Settings())])


@pytest.fixture
async def tieline(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> AsyncIterator[World]:
    """A world with its workers running."""
    async with world(tmp_path, client, credentials, temporal_address=server) as built:
        yield built


@pytest.fixture
async def patient(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> AsyncIterator[World]:
    """A world whose catalogue calls an order complete only when it is paid."""
    catalogue = awaiting_payment(tmp_path)
    async with world(
        tmp_path, client, credentials, temporal_address=server, catalogue=catalogue
    ) as built:
        yield built


@asynccontextmanager
async def serving_clocks(*dynamic_config: str) -> AsyncIterator[WorkflowEnvironment]:
    """A server on which a workflow's clock is moved by hand."""
    given = [part for value in dynamic_config for part in ("--dynamic-config-value", value)]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(max_session_skip_count=SKIPS_MAX),
        plugins=[plugin(Settings())],
        dev_server_existing_path=str(binary()),
        dev_server_log_level="error",
        dev_server_extra_args=[*server_arguments(), *PROMPT_TIMERS, *given],
    ) as environment:
        yield environment


@pytest.fixture
async def clocks() -> AsyncIterator[WorkflowEnvironment]:
    """Such a server."""
    async with serving_clocks() as environment:
        yield environment


@pytest.fixture
async def forgetful(tmp_path: Path, credentials: Credentials) -> AsyncIterator[Portfolio]:
    """A world whose days pass when the story says so, and whose histories are short."""
    async with serving_clocks("limit.historyCount.suggestContinueAsNew=60") as clocks:
        with clocks.with_time_skipping_disabled():
            async with world(tmp_path, clocks.client, credentials) as built:
                yield Portfolio(built, clocks)


@pytest.fixture
async def portfolio(
    tmp_path: Path, clocks: WorkflowEnvironment, credentials: Credentials
) -> AsyncIterator[Portfolio]:
    """A world whose days pass when the story says so."""
    with clocks.with_time_skipping_disabled():
        async with world(tmp_path, clocks.client, credentials) as built:
            yield Portfolio(built, clocks)


@pytest.fixture(params=["billing-led", "erp-led"])
async def invoices(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clocks: WorkflowEnvironment,
    credentials: Credentials,
) -> AsyncIterator[Invoices]:
    """Such a world in each ownership preset, by the owner of its invoices."""
    led_by_erp = request.param == "erp-led"
    catalogue = erp_led(tmp_path) if led_by_erp else None
    with clocks.with_time_skipping_disabled():
        async with world(tmp_path, clocks.client, credentials, catalogue=catalogue) as built:
            portfolio = Portfolio(built, clocks)
            yield InErp(portfolio) if led_by_erp else InBilling(portfolio)


@pytest.fixture(params=[BillingContract, ErpContract], ids=lambda kind: kind.preset)
async def renewal(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clocks: WorkflowEnvironment,
    credentials: Credentials,
) -> AsyncIterator[Renewal]:
    """A world whose days pass when the story says so, with either owner of contracts."""
    async with renewal_world(tmp_path, clocks, credentials, request.param) as built:
        yield built
