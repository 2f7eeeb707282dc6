"""From a signed message to a running process, on a real ledger and a real Temporal server."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook
from temporalio.client import Client

from canonical.connections import Connection, Environment, Role
from canonical.errors import Misconfigured
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.migrate import upgrade
from starters.webhooks.app import webhook_app
from starters.webhooks.dispatch import Dispatcher
from starters.webhooks.handover import NudgeTaker, StartQuoteToCash
from starters.webhooks.serve import listening, serve_webhooks
from starters.webhooks.sources import Source, webhook_sources
from tieline.devserver import dev_server, free_port
from tieline.settings import Settings, Temporal, Webhooks, WebhookSource
from tieline.temporal import connect

SECRET = "whsec_" + base64.b64encode(b"globex signs with this key......").decode()
DEAL = "0065g00000Glob1AAB"
WORKFLOW_ID = f"quote-to-cash/crm/{DEAL}"
PATIENCE_SECONDS = 30.0


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    """The inbox of a fresh SQLite ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    database = Database.open(url)
    yield Inbox(database)
    await database.close()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A CRM, its webhook source, and a Temporal server that is not there yet."""
    monkeypatch.setenv("GLOBEX_WEBHOOK_SECRET", SECRET)
    crm = Connection(
        name="crm", role=Role.CRM, vendor="salesforce", base_url="https://globex.example"
    )
    source = WebhookSource(connection="crm", secrets=["env:GLOBEX_WEBHOOK_SECRET"])
    return Settings(
        temporal=Temporal(address=f"127.0.0.1:{free_port()}"),
        connections={"crm": crm},
        webhooks=Webhooks(port=0, sources={"globex": source}),
    )


async def deliver(http: httpx.AsyncClient, event_id: str = "msg_globex_1") -> httpx.Response:
    """Post Globex's closed-won message, signed now."""
    now = datetime.now(UTC)
    body = json.dumps(
        {
            "type": "opportunity.closed_won",
            "timestamp": now.isoformat(),
            "data": {"opportunity_id": DEAL, "environment": "test"},
        }
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(event_id, now, body),
    }
    return await http.post("/webhooks/globex", content=body, headers=headers)


async def dispatched(inbox: Inbox) -> None:
    """Wait until nothing is pending."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await inbox.backlog()).pending:
            await asyncio.sleep(0.02)


async def test_a_deal_won_while_temporal_is_away_starts_its_process_later(
    inbox: Inbox, settings: Settings, tmp_path: Path
) -> None:
    """Stored and answered at once; started, once, when the server is back."""
    client = await connect(settings, lazy=True)
    dispatcher = Dispatcher(
        inbox, StartQuoteToCash(client), NudgeTaker(client), backoff_seconds_min=0.05
    )
    app = webhook_app(webhook_sources(settings), inbox, dispatcher, body_bytes_max=4096)
    transport = httpx.ASGITransport(app)
    port = int(settings.temporal.address.rpartition(":")[2])

    async with (
        dispatcher.running(),
        httpx.AsyncClient(transport=transport, base_url="http://tieline") as http,
    ):
        answer = await deliver(http)
        again = await deliver(http)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while dispatcher.reachable:
                await asyncio.sleep(0.01)
        health = (await http.get("/health")).json()

        async with dev_server(tmp_path / "temporal.db", port=port):
            await dispatched(inbox)
            other = await deliver(http, event_id="msg_globex_2")
            await dispatched(inbox)
            run = await client.get_workflow_handle(WORKFLOW_ID).describe()

    assert (answer.status_code, again.json()["duplicate"]) == (202, True)
    assert (health["dispatch"], health["pending"]) == ("waiting", 1)
    assert (run.workflow_type, run.task_queue) == ("quote-to-cash", "processes")
    assert other.json() == {"stored": True, "duplicate": False}
    assert (await inbox.backlog()).dead == 0


async def test_the_server_listens_and_stops_in_order(
    inbox: Inbox, settings: Settings, client: Client
) -> None:
    """A signal is what ends it; here, cancellation."""
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_webhooks(settings, client, inbox, started=listening.set_result)
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        url = await listening
        async with httpx.AsyncClient(base_url=url) as http:
            health = await http.get("/health")
            answer = await deliver(http)
            await dispatched(inbox)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert health.json()["intake"] == "ok"
    assert answer.status_code == 202
    assert await client.get_workflow_handle(WORKFLOW_ID).describe()


async def test_a_port_that_is_taken_is_explained(inbox: Inbox, settings: Settings) -> None:
    """Address and remedy in one sentence."""
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    webhooks = settings.webhooks.model_copy(update={"port": port})
    client = await connect(settings, lazy=True)

    with pytest.raises(Misconfigured, match=f"cannot listen at 127.0.0.1:{port}"):
        await serve_webhooks(settings.model_copy(update={"webhooks": webhooks}), client, inbox)
    taken.close()


def test_an_answer_does_not_wait_for_the_senders_acknowledgement() -> None:
    """Nagle's algorithm is off for each connection that is taken."""
    with listening("127.0.0.1", 0) as listener:
        sender = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()

    with sender, accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_sources_know_their_connection_and_do_not_show_their_secrets(settings: Settings) -> None:
    """A repr ends up in logs."""
    sources = webhook_sources(settings)

    assert (sources["globex"].connection, sources["globex"].environment) == (
        "crm",
        Environment.TEST,
    )
    assert isinstance(sources["globex"], Source)
    assert "whsec_" not in repr(sources)


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_c2hvcnQ="])
def test_a_weak_signing_secret_is_refused(
    secret: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessable secrets make signatures worthless."""
    monkeypatch.setenv("GLOBEX_WEBHOOK_SECRET", secret)

    with pytest.raises(Misconfigured, match="GLOBEX_WEBHOOK_SECRET"):
        webhook_sources(settings)
